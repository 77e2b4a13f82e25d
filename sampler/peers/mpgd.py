"""Manifold preserving guided diffusion (He et al. 2023, arXiv 2311.16424, the variant for latent diffusion).

The clean estimate takes a step down the constraint's cost and the DDIM step goes on from there with the network's own
noise estimate: no derivative of the network. In latents, the paper argues, the estimate needs no projection back to
the manifold, as the decoder sees to it.

The cost here is half the squared misfit, whose negative gradient for a mask is `Misfit.direction`: a
`step_length` of 1 projects onto the constraint. (The paper descends the norm itself, with step lengths tuned for each
task and number of steps: 17.5 for 20 of them, 7.5 for 50, 4 for 100 on super-resolved faces. A mask has an exact
answer, and needs no tuning.) The released code for style guides in the middle of a run only; a mask that holds
at the end has to be kept to the end, so here all steps are guided, as in the paper's linear inverse problems.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampler.evaluation import Process
from sampler.peers.problem import Level, Problem
from sampler.peers.run import Run
from sampler.peers.travel import traveled, visits
from sampler.sample import SampleResult
from sampler.schedule import Eta

TRAVELED = (0.3, 0.6)
"""The share of the steps that time travel repeats: as in the released code, neither the first nor the last."""


@dataclass(frozen=True)
class Settings:
    """The paper's for linear inverse problems: 100 steps with eta 0.5, no time travel.

    `step_length`: share of the way to the constraint. `repeats`: how often the steps in `TRAVELED` are taken, with a
    return to their start in between; 1 is no time travel. Raises `ValueError` out of range.
    """

    steps: int = 100
    step_length: float = 1.0
    eta: Eta = 0.5
    repeats: int = 1

    def __post_init__(self) -> None:
        if min(self.steps, self.repeats) < 1:
            raise ValueError("steps and repeats must be at least 1")
        if not self.step_length > 0:
            raise ValueError("step_length must be positive")

    @property
    def order(self) -> list[int]:
        """The steps' indices in the order in which they are taken."""
        return traveled(self.steps, TRAVELED, self.repeats)

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return len(self.order)


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents that meet the constraint up to `step_length`; any constraint will do. Raises `DivergedError`."""
    run = Run(problem, settings.steps)
    steps = problem.schedule.steps(settings.steps)
    x_t = problem.noise()
    for visit in visits(settings.order):
        step = steps[visit.index]
        if visit.stands > visit.index:
            x_t = problem.diffuse(x_t, Level.after(step), Level.before(step))
        denoised = yield from run.denoise(x_t, step)
        misfit = yield from run.constraint.misfit(denoised.x0_hat)
        x0_hat = denoised.x0_hat + settings.step_length * misfit.direction
        if visit.is_last:
            yield from run.step_done(x0_hat)
        x_t = step.ddim(x0_hat, denoised.eps, settings.eta, problem.noise())
    return (yield from run.result(x_t))
