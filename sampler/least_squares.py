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
from math import inf

from torch import Tensor

from sampler.constraints.base import Constraint, Misfit
from sampler.correction import SMALLEST, Corrected, largest, probe
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.schedule import Step


@dataclass(frozen=True)
class LeastSquares:
    """Settings of the solver.

    `h` is the probe's size. `tolerance` is the residual below which a timestep needs no correction. While
    `sigma_t / alpha_t` is above `noisy`, a timestep has up to `repeats` corrections, with an evaluation between them;
    later ones have one.
    """

    h: float = 0.005
    tolerance: float = 0.0
    noisy: float = 3.0
    repeats: int = 1

    def corrections(self, step: Step) -> int:
        """How many corrections a timestep may have."""
        return self.repeats if step.sigma_t > self.noisy * step.alpha_t else min(self.repeats, 1)


def correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, solver: LeastSquares, denoiser: Denoiser
) -> Process[Corrected]:
    """Correct `x0_hat` and `x_t` (c, h, w) along `J e` by the least-squares length.

    `base` is the evaluation at `x_t`. Costs one evaluation, and two for each further correction; none where the misfit
    is zero or the residual within the tolerance.
    """
    residual = inf
    for number in range(solver.corrections(step)):
        if number > 0:
            base = yield from denoiser(x_t, step.timestep)
        misfit = yield from constraint.misfit(base.x0_hat)
        residual = misfit.residual
        if residual <= solver.tolerance or not largest(misfit.direction) > SMALLEST:
            break
        w = yield from probe(x_t, base, step, misfit.direction, solver.h, denoiser)
        shift = step_length(w, misfit) * w
        x_t = x_t + step.alpha_t * shift
        base = Denoised(base.x0_hat + shift, base.eps)
    return Corrected(x_t, base, residual)


def step_length(w: Tensor, misfit: Misfit) -> Tensor:
    """`c` () that makes `|e - c P w|` least, with `P` what the constraint sees; 0 when it sees nothing of `w`.

    Stays on the device: nothing waits for it.
    """
    seen = w if misfit.seen is None else misfit.seen * w
    return (seen * misfit.direction).sum() / seen.square().sum().clamp(min=SMALLEST**2)
