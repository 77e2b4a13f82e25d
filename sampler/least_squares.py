"""Our solver: one probe a timestep, and the step along it has the length that meets the constraint best.

The paper moves `x_t` by fixed rates along `J e` and evaluates again after each (`sampler.newton`). Here

    w = J e                        one probe
    c = argmin |e - c P w|         P w: what the constraint sees of w
    x0_hat += c w                  the clean estimate meets the constraint as well as a multiple of w can
    x_t += alpha_t c w             so that the noise estimate stays what it was

Two evaluations a timestep: what classifier-free guidance costs. `J e` is the covariance of the clean latents applied to
the error, up to a factor, so `c w` is the linear-Gaussian posterior's correction in its first Krylov direction, and the
least squares put the factor in. Moving `x_t` along keeps what is wrong with the estimate from being blamed on the
noise, which would push the next `x_t` back. `docs/sampler.md` has the figures, and what was tried beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sampler.constraints.base import Constraint, Misfit
from sampler.correction import PUBLISHED, SMALLEST, Corrected, Probing, probe
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.schedule import Step


@dataclass(frozen=True)
class LeastSquares:
    """Settings of the solver: how it probes, and the residual below which a timestep needs no correction."""

    probing: Probing = PUBLISHED
    tolerance: float = 0.0


def correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, solver: LeastSquares, denoiser: Denoiser
) -> Process[Corrected]:
    """Correct `x0_hat` and `x_t` (c, h, w) along `J e` by the least-squares length.

    `base` is the evaluation at `x_t`. Costs the evaluations of a probe; none where the misfit is zero or the residual
    within the tolerance.
    """
    misfit = yield from constraint.misfit(base.x0_hat)
    if misfit.residual <= solver.tolerance:
        return Corrected(x_t, base, misfit.residual)
    w = yield from probe(x_t, base, step, misfit.direction, solver.probing, denoiser)
    shift = step_length(w, misfit) * w
    return Corrected(x_t + step.alpha_t * shift, Denoised(base.x0_hat + shift, base.eps), misfit.residual)


def step_length(w: Tensor, misfit: Misfit) -> Tensor:
    """`c` () that makes `|e - c P w|` least, with `P` what the constraint sees; 0 when it sees nothing of `w`.

    Stays on the device: nothing waits for it.
    """
    seen = w if misfit.seen is None else misfit.seen * w
    return (seen * misfit.direction).sum() / seen.square().sum().clamp(min=SMALLEST**2)
