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


def test_call_beside_the_engine_counts_as_standstill_until_it_ends_and_then_as_a_long_call(
    tiny_model: DiffusersModel,
) -> None:
    meter = MeteredEvaluator(tiny_model)
    with meter.beside():
        with meter.beside():
            time.sleep(0.3)
            meter.tick()
            assert meter.idle_for_s() >= 0.3, "the engine goes on, and yet something hangs"
        assert meter.longest_s >= 0.3
        assert meter.idle_for_s() >= 0.3, "the other call has not ended"
    before_s = time.monotonic() - meter.last_progress
    assert meter.idle_for_s() <= before_s + 0.25
