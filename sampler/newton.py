"""The inexact Newton correction of `x_t`, as published (Graikos et al. 2024, arXiv 2410.18804, algorithm 1).

In the ideal case `J = alpha_t / sigma_t^2 * Cov[x0 | x_t]`: `J e` spreads the constraint's error along the model's own
correlations, and one finite difference of two forward passes gives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from sampler.constraints.base import Constraint
from sampler.errors import DivergedError
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.prediction import jacobian_vector
from sampler.schedule import Step

SMALLEST = 1e-12
"""Directions with no entry above this are zero: nothing to correct, and nothing to divide by."""

PROBE_SIZES = {torch.float16: 0.1, torch.bfloat16: 0.1}


def probe_size(dtype: torch.dtype) -> float:
    """The largest entry `h` of the probing displacement, by the precision that the network computes in.

    The published 0.005 drowns in the rounding of half precision: a larger one trades rounding for curvature. TF32
    rounds like float16, so a network that computes in it needs float16's `h`.
    """
    return PROBE_SIZES.get(dtype, 0.005)


@dataclass(frozen=True)
class Newton:
    """The paper's settings for inpainting: `inner_steps` corrections a timestep, the rate falling linearly, probe `h`.

    `tolerance` ends the corrections of a timestep once the residual is that small; at 0 only a constraint met exactly.
    """

    inner_steps: int = 5
    rate_first: float = 0.5
    rate_last: float = 0.1
    h: float = 0.005
    tolerance: float = 0.0

    def rates(self) -> list[float]:
        """The step lengths, `rate_first` … `rate_last`."""
        fall = (self.rate_first - self.rate_last) / max(self.inner_steps - 1, 1)
        return [self.rate_first - k * fall for k in range(self.inner_steps)]


def correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, solver: Newton, denoiser: Denoiser
) -> Process[tuple[Tensor, Denoised]]:
    """Move `x_t` (c, h, w) along `J e` so that its clean estimate meets the constraint; returns it with its evaluation.

    `base` is the evaluation at `x_t`. Costs two evaluations a correction. Each moves the largest entry of `x_t` by the
    rate, whatever the residual: the method comes no closer than its last rate.
    """
    for rate in solver.rates():
        misfit = yield from constraint.misfit(base.x0_hat)
        if misfit.residual <= solver.tolerance:
            break
        gradient = yield from probe(x_t, base, step, misfit.direction, solver.h, denoiser)
        size = _largest(gradient)
        if not size > SMALLEST:
            break
        x_t = x_t + (rate / size) * gradient
        base = yield from denoiser(x_t, step.timestep)
    return x_t, base


def probe(x_t: Tensor, base: Denoised, step: Step, e: Tensor, h: float, denoiser: Denoiser) -> Process[Tensor]:
    """`J e` by one evaluation at `x_t + h_k e` with `h_k = h / max|e|`, in float32; zero, at no cost, for `e = 0`."""
    size = _largest(e)
    if not size > SMALLEST:
        return torch.zeros_like(e)
    h_k = h / size
    probed = yield from denoiser(x_t + h_k * e, step.timestep)
    delta_x0_hat, delta_eps = (probed.x0_hat - base.x0_hat) / h_k, (probed.eps - base.eps) / h_k
    return jacobian_vector(e, delta_x0_hat, delta_eps, step.alpha_t, step.sigma_t)


def _largest(direction: Tensor) -> float:
    size = float(direction.abs().amax())
    if not isfinite(size):
        raise DivergedError("a correction of x_t is not finite")
    return size
