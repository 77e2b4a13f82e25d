"""DInG, decoupled inpainting guidance (Moufad et al. 2025, arXiv 2512.18365, algorithm 1).

A DDIM step proposes `x_s ~ N(mu, std^2)`. The likelihood of `y` given `x_s` would ask the network about `x_s`, and its
gradient; DInG asks it about an independent draw `z_s` of the same proposal instead. With `eps` the network's answer
there, the known part is a Gaussian observation, `alpha_s y + sigma_s eps ~ N(x_s, (alpha_s sigma_y)^2)`, and the
posterior of `x_s` is sampled exactly:

    gain = std^2 / (std^2 + (alpha_s sigma_y)^2)                                where known, 0 elsewhere
    x_s ~ N((1 - gain) mu + gain (alpha_s y + sigma_s eps), (1 - gain) std^2)

Two evaluations a step, and one at the last, which ends in the network's clean estimate. A grey mask scales the gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, assert_never

from torch import Tensor

from sampler.evaluation import Process
from sampler.peers.problem import Problem
from sampler.peers.run import Run
from sampler.sample import SampleResult
from sampler.schedule import Step

NoiseRule = Literal["paper", "flow", "ddpm"]


@dataclass(frozen=True)
class Settings:
    """The paper's: 25 steps (its 50 evaluations), `sigma_y` 0.01, and its noise rule.

    `noise`: the standard deviation of the proposal. "paper" is `sigma_s (1 - alpha_s)` as written. It was found with a
    flow network, whose `1 - alpha_s` is `sigma_s`; "flow" is the same noise at the same signal-to-noise ratio on any
    schedule, `sigma_s * sigma_s / (alpha_s + sigma_s)`; "ddpm" is DDPM's. Raises `ValueError` out of range.
    """

    steps: int = 25
    sigma_y: float = 0.01
    noise: NoiseRule = "paper"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")
        if not self.sigma_y > 0:
            raise ValueError("sigma_y must be positive")

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return 2 * self.steps - 1


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents near `y` where known. Raises `ValueError` without a mask, `DivergedError` as `Denoiser` does."""
    run = Run(problem, settings.steps)
    steps = problem.schedule.steps(settings.steps)
    x_t = problem.noise()
    for step, following in pairwise(steps):
        denoised = yield from run.denoise(x_t, step)
        std = noise_std(step, settings.noise)
        mu = step.alpha_next * denoised.x0_hat + max(step.sigma_next**2 - std**2, 0.0) ** 0.5 * denoised.eps
        decoupled = yield from run.denoise(mu + std * problem.noise(), following)
        observed = step.alpha_next * run.masked.y + step.sigma_next * decoupled.eps
        gain = run.masked.mask * posterior_gain(std, step.alpha_next * settings.sigma_y)
        x_t = posterior_draw(mu, std, observed, gain, problem.noise())
        yield from run.step_done(denoised.x0_hat)
    denoised = yield from run.denoise(x_t, steps[-1])
    yield from run.step_done(denoised.x0_hat)
    return (yield from run.result(denoised.x0_hat))


def posterior_gain(std: float, observed_std: float) -> float:
    """How far an observation pulls the mean: its precision's share of the posterior's, in [0, 1]."""
    return std**2 / (std**2 + observed_std**2)


def posterior_draw(mu: Tensor, std: float, observed: Tensor, gain: Tensor, noise: Tensor) -> Tensor:
    """A draw of `x_s` (c, h, w): from the proposal where `gain` is 0, near the observation where it is near 1."""
    return (1.0 - gain) * mu + gain * observed + (1.0 - gain).sqrt() * std * noise


def noise_std(step: Step, rule: NoiseRule) -> float:
    """Standard deviation of the proposal at the end of `step`; at most `sigma_next`."""
    alpha_s, sigma_s = step.alpha_next, step.sigma_next
    match rule:
        case "paper":
            return sigma_s * (1.0 - alpha_s)
        case "flow":
            return sigma_s * sigma_s / (alpha_s + sigma_s)
        case "ddpm":
            return step.noise_std(1.0)
        case _:
            assert_never(rule)
