"""Our solver: the step along `J e` has its length computed, by least squares on probes.

The paper moves `x_t` by a fixed rate along `J e` and evaluates again, five times a timestep (`sampler.newton`). Here

    w1 = J e,  w2 = J w1          two probes
    c  = argmin |e - c P w2|      P w2: what the constraint sees of w2
    x_t += c w1,  x0_hat += c w2  no evaluation: the change is known to first order

is one correction: three evaluations a timestep with the one that every sampler needs. It is a Gauss-Newton step on
`|y - A x0_hat(x_t)|^2` restricted to the line of its own gradient, as `J` is symmetric in the ideal case; see
`docs/sampler.md` for why the line suffices and for what was tried beside it.
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

    `h` is the probe's size. `tolerance` is the residual below which a timestep needs no correction. A timestep with
    `sigma_t / alpha_t` above `noisy` gets `corrections_when_noisy`, others one; between two corrections of one timestep
    the network is evaluated anew.
    """

    h: float = 0.005
    tolerance: float = 0.0
    noisy: float = 5.0
    corrections_when_noisy: int = 1

    def corrections(self, step: Step) -> int:
        """How many corrections a timestep may have."""
        return self.corrections_when_noisy if step.sigma_t > self.noisy * step.alpha_t else 1


def correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, solver: LeastSquares, denoiser: Denoiser
) -> Process[Corrected]:
    """Move `x_t` (c, h, w) along `J e` by the least-squares length; returns it with its estimates.

    `base` is the evaluation at `x_t`. Costs two evaluations, and three for each further correction; none where the
    misfit is zero or the residual within the tolerance.
    """
    residual = inf
    for number in range(solver.corrections(step)):
        if number > 0:
            base = yield from denoiser(x_t, step.timestep)
        misfit = yield from constraint.misfit(base.x0_hat)
        residual = misfit.residual
        if residual <= solver.tolerance or not largest(misfit.direction) > SMALLEST:
            break
        w1 = yield from probe(x_t, base, step, misfit.direction, solver.h, denoiser)
        w2 = yield from probe(x_t, base, step, w1, solver.h, denoiser)
        c = step_length(w2, misfit)
        x_t = x_t + c * w1
        x0_hat = base.x0_hat + c * w2
        base = Denoised(x0_hat, (x_t - step.alpha_t * x0_hat) / step.sigma_t)
    return Corrected(x_t, base, residual)


def step_length(w2: Tensor, misfit: Misfit) -> Tensor:
    """`c` () that makes `|e - c P w2|` least, with `P` what the constraint sees; 0 when it sees nothing of `w2`.

    Stays on the device: nothing waits for it.
    """
    seen = w2 if misfit.seen is None else misfit.seen * w2
    return (seen * misfit.direction).sum() / seen.square().sum().clamp(min=SMALLEST**2)
