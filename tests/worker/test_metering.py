from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from sampler.evaluation import Decode, Encode
from worker.diffusers_model import DiffusersModel
from worker.metering import MeteredEvaluator


class Lazy(DiffusersModel):
    """A model whose encoder takes its time."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def encode(self, requests: Sequence[Encode]) -> list[torch.Tensor]:
        time.sleep(0.5)
        return super().encode(requests)


def test_longest_call_is_remembered_until_it_is_forgotten(tiny_model: DiffusersModel) -> None:
    meter = MeteredEvaluator(Lazy(tiny_model))
    meter.encode([Encode(torch.zeros(3, 64, 64))])
    assert meter.longest_s >= 0.5
    longest_s = meter.longest_s
    meter.forget()
    meter.decode([Decode(torch.zeros(tiny_model.latents_shape(64, 64)))])
    assert 0 < meter.longest_s < longest_s
    assert meter.idle_for_s() < 60
