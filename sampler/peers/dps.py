"""Diffusion posterior sampling (Chung et al. 2023, arXiv 2209.14687, algorithm 1), in latents.

The likelihood of the measurement given `x_t` is taken as that given the clean estimate, so its score is a gradient
through the network; here, as is usual for latent diffusion, through the decoder as well:

    x_s = DDPM step from x_t - step_length * d |y - A D(x0_hat(x_t))| / d x_t

The paper writes the squared norm with a step of `zeta / |y - A x0_hat|`, which is this with `step_length = 2 zeta`; the
norm itself is what its code differentiates. No guess at the noise of `y` enters.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampler.evaluation import Process
from sampler.peers.gradients import GradientRun, distance
from sampler.peers.problem import Problem
from sampler.sample import SampleResult
from sampler.schedule import Eta


@dataclass(frozen=True)
class Settings:
    """The released code's for inpainting: 1000 steps of DDPM (`eta` 1), `step_length` 0.5.

    The gradient moves every step by its length, so with fewer steps the constraint is met less well unless the length
    grows. Raises `ValueError` out of range.
    """

    steps: int = 1000
    step_length: float = 0.5
    eta: Eta = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")
        if not self.step_length > 0:
            raise ValueError("step_length must be positive")

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run, each of them differentiated."""
        return self.steps


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents near the measurement; any operator will do. Raises `DivergedError` as `GradientRun` does."""
    run = GradientRun(problem, settings.steps)
    energy = distance(problem)
    x_t = problem.noise()
    for step in problem.schedule.steps(settings.steps):
        denoised, gradient = yield from run.differentiate(x_t, step, energy)
        yield from run.step_done(denoised.x0_hat)
        x_s = step.ddim(denoised.x0_hat, denoised.eps, settings.eta, problem.noise())
        x_t = x_s - settings.step_length * gradient
    return (yield from run.result(x_t))
