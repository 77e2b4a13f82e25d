"""FreeDoM (Yu et al. 2023, arXiv 2303.09833, algorithms 1 and 2): guidance by an energy, with efficient time travel.

Each DDPM step is followed by one down the gradient of an energy of the clean estimate, taken through the network and
the decoder. In the middle of the run, where the picture's content is decided, the state is noised again after the step
and the step repeated, so that what the guidance changed and what the network makes of it come to fit.

    x_s = DDPM step from x_t - rate * alpha_t * d |y - A D(x0_hat(x_t))| / d x_t

The learning rate is that of the released code's face guides, which differentiate norms as well and tune `rate` to the
energy, from 0.2 to 500. The code's rule for Stable Diffusion is not to be had without classifier-free guidance, whose
difference it measures the gradient by. Its style guide is active in the middle of the run only, its face guides but
for the last tenth; a measurement has to hold at the end, so here all steps are guided.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampler.evaluation import Process
from sampler.peers.gradients import GradientRun, distance
from sampler.peers.problem import Level, Problem
from sampler.peers.travel import traveled, visits
from sampler.sample import SampleResult

DDPM = 1.0
TRAVELED = (0.3, 0.6)
"""The share of the steps that time travel repeats, as in the released code for Stable Diffusion."""


@dataclass(frozen=True)
class Settings:
    """The released code's: 100 steps, those in `TRAVELED` 3 times (160 evaluations).

    `rate` is ours, for this energy. Raises `ValueError` out of range.
    """

    steps: int = 100
    rate: float = 1.0
    repeats: int = 3

    def __post_init__(self) -> None:
        if min(self.steps, self.repeats) < 1:
            raise ValueError("steps and repeats must be at least 1")
        if not self.rate > 0:
            raise ValueError("rate must be positive")

    @property
    def order(self) -> list[int]:
        """The steps' indices in the order in which they are taken."""
        return traveled(self.steps, TRAVELED, self.repeats)

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run, each of them differentiated."""
        return len(self.order)


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents near the measurement; any operator will do. Raises `DivergedError` as `GradientRun` does.

    Residual, renewal and report belong to the last visit of a step.
    """
    run = GradientRun(problem, settings.steps)
    steps = problem.schedule.steps(settings.steps)
    energy = distance(problem)
    x_t = problem.noise()
    for visit in visits(settings.order):
        step = steps[visit.index]
        if visit.stands > visit.index:
            x_t = problem.diffuse(x_t, Level.after(step), Level.before(step))
        denoised, gradient = yield from run.differentiate(x_t, step, energy)
        if visit.is_last:
            yield from run.step_done(denoised.x0_hat)
        x_s = step.ddim(denoised.x0_hat, denoised.eps, DDPM, problem.noise())
        x_t = x_s - settings.rate * step.alpha_t * gradient
    return (yield from run.result(x_t))
