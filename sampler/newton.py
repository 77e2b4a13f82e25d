"""The inexact Newton correction of `x_t`, as published (Graikos et al. 2024, arXiv 2410.18804, algorithm 1).

In the ideal case `J = alpha_t / sigma_t^2 * Cov[x0 | x_t]`: `J e` spreads the constraint's error along the model's own
correlations, and one finite difference of two forward passes gives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from torch import Tensor

from sampler.constraints.base import Constraint
from sampler.correction import PUBLISHED, SMALLEST, Corrected, Probing, largest, probe
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.schedule import Step


@dataclass(frozen=True)
class Newton:
    """The paper's settings for inpainting: `inner_steps` corrections a timestep, the rate falling linearly.

    `tolerance` ends the corrections of a timestep once the residual is that small; at 0 only a constraint met exactly.
    """

    inner_steps: int = 5
    rate_first: float = 0.5
    rate_last: float = 0.1
    probing: Probing = PUBLISHED
    tolerance: float = 0.0

    def rates(self) -> list[float]:
        """The step lengths, `rate_first` … `rate_last`."""
        fall = (self.rate_first - self.rate_last) / max(self.inner_steps - 1, 1)
        return [self.rate_first - k * fall for k in range(self.inner_steps)]


def correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, solver: Newton, denoiser: Denoiser
) -> Process[Corrected]:
    """Move `x_t` (c, h, w) along `J e` so that its clean estimate meets the constraint; returns it with its estimates.

    `base` is the evaluation at `x_t`. Costs two evaluations a correction. Each moves the largest entry of `x_t` by the
    rate, whatever the residual: the method comes no closer than its last rate.
    """
    residual = inf
    for rate in solver.rates():
        misfit = yield from constraint.misfit(base.x0_hat)
        residual = misfit.residual
        if residual <= solver.tolerance:
            break
        gradient = yield from probe(x_t, base, step, misfit.direction, solver.probing, denoiser)
        size = largest(gradient)
        if not size > SMALLEST:
            break
        x_t = x_t + (rate / size) * gradient
        base = yield from denoiser(x_t, step.timestep)
    return Corrected(x_t, base, residual)
