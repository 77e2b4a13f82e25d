"""What every correction of `x_t` is made of: the probe that reads `J e` off the network."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from sampler.errors import DivergedError
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.prediction import jacobian_vector
from sampler.schedule import Step

SMALLEST = 1e-12
"""Directions with no entry above this are zero: nothing to correct, and nothing to divide by."""


@dataclass(frozen=True)
class Probing:
    """How `J e` is read off: the largest entry `h` of the probing displacement, and whether it is two-sided.

    The noisier the state, the more a trained network curves and the shorter a probe must be: `noisier` are pairs of a
    `sigma_t / alpha_t` and what holds above it, noisiest first. A one-sided difference uses the evaluation at `x_t`,
    which is there anyway; a two-sided one costs another and has no error of first order.
    """

    h: float = 0.005
    two_sided: bool = False
    noisier: tuple[tuple[float, Probing], ...] = ()

    def at(self, step: Step) -> Probing:
        """What holds at a timestep."""
        return next((other for ratio, other in self.noisier if step.sigma_t > ratio * step.alpha_t), self)


PUBLISHED = Probing()
PROBINGS = {
    torch.float16: Probing(0.1, noisier=((4.5, Probing(0.1, two_sided=True)), (3.0, Probing(0.05)))),
    torch.bfloat16: Probing(0.3, True, noisier=((2.5, Probing(0.15, True)), (2.0, Probing(0.2, True)))),
}


def probing_for(dtype: torch.dtype) -> Probing:
    """How to probe a network that computes in `dtype`.

    The published 0.005 drowns in the rounding of half precision: a longer probe trades rounding for curvature.
    bfloat16 with its eight bits needs both sides to have either small, float16 only where the network curves most.
    TF32 rounds like float16, so a network that computes in it needs float16's.
    """
    return PROBINGS.get(dtype, PUBLISHED)


@dataclass(frozen=True, eq=False)
class Corrected:
    """The corrected `x_t` (c, h, w), the estimates that belong to it, and the residual that the correction saw last."""

    x_t: Tensor
    denoised: Denoised
    residual: float


def probe(x_t: Tensor, base: Denoised, step: Step, e: Tensor, probing: Probing, denoiser: Denoiser) -> Process[Tensor]:
    """`J e` by an evaluation at `x_t + h_k e` with `h_k = h / max|e|`, in float32; zero, at no cost, for `e = 0`.

    `base` is the evaluation at `x_t`; two-sided probing takes one at `x_t - h_k e` in its place.
    """
    size, probing = largest(e), probing.at(step)
    if not size > SMALLEST:
        return torch.zeros_like(e)
    h_k = span = probing.h / size
    ahead = yield from denoiser(x_t + h_k * e, step.timestep)
    if probing.two_sided:
        base = yield from denoiser(x_t - h_k * e, step.timestep)
        span = 2 * h_k
    delta_x0_hat, delta_eps = (ahead.x0_hat - base.x0_hat) / span, (ahead.eps - base.eps) / span
    return jacobian_vector(e, delta_x0_hat, delta_eps, step.alpha_t, step.sigma_t)


def largest(direction: Tensor) -> float:
    """The largest absolute entry; raises `DivergedError` unless it is finite."""
    size = float(direction.abs().amax())
    if not isfinite(size):
        raise DivergedError("a correction of x_t is not finite")
    return size
