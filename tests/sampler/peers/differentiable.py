"""The Gaussian world with gradients, and its restorations in latents and in pixels alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sampler.constraints.mask import Mask
from sampler.evaluation import (
    Conditioning,
    Decode,
    Denoise,
    Denoised,
    Differentiate,
    Differentiated,
    Encode,
    gradient_of,
)
from sampler.peers.problem import Problem
from sampler.schedule import Schedule
from tests.sampler.gaussian import GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import problem

KNOWN = left_half()
MASK = Mask(KNOWN[0].float())


def picture(latents: Tensor) -> Tensor:
    """(2, 4, 4) to (3, 4, 4), invertibly: the third channel is the mean of the others."""
    return torch.cat([latents, latents.mean(0, keepdim=True)])


class DifferentiableWorld(GaussianEvaluator):
    """The Gaussian world with gradients, and with an autoencoder that loses nothing."""

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        return [request.image[:2] for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        return [picture(request.latents) for request in requests]

    def differentiate(self, request: Differentiate) -> Differentiated:
        return gradient_of(request, _Networks(self))


@dataclass
class _Networks:
    world: DifferentiableWorld

    def denoise(self, x_t: Tensor, timestep: int, conditioning: Conditioning) -> Denoised:
        return self.world.denoise([Denoise(x_t, timestep, conditioning)])[0]

    def encode(self, image: Tensor) -> Tensor:
        return self.world.encode([Encode(image)])[0]

    def decode(self, latents: Tensor) -> Tensor:
        return self.world.decode([Decode(latents)])[0]


def restoration(x0: Tensor, seed: int = 0, schedule: Schedule | None = None, **changes: Any) -> Problem:
    """The left half of the picture of `x0` is known, in latents and in pixels."""
    stated = problem(keep_left(x0), seed, schedule)
    return replace(stated, operator=MASK, measurement=MASK.forward(picture(x0.float())), **changes)
