"""Blended latent diffusion (Avrahami, Fried & Lischinski 2022, arXiv 2206.02779, algorithm 1).

Every state is put together from two: the network's own in the hole, and outside of it the known latents with fresh
noise of the same level. One evaluation a step.

Of the paper's three parts this is the first. The mask is not shrunk progressively, which serves masks thinner than a
latent cell, and the decoder is not fine-tuned to the known pixels, which compositing does for every method alike. The
paper starts from the noised picture; here a hole has no picture, so it starts from pure noise.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampler.evaluation import Process
from sampler.peers.problem import CLEAN, Level, Problem, paste
from sampler.peers.run import Run
from sampler.sample import SampleResult
from sampler.schedule import Eta


@dataclass(frozen=True)
class Settings:
    """Those of the released code: 50 steps of deterministic DDIM. `eta` is DDIM's, as in `Step.noise_std`."""

    steps: int = 50
    eta: Eta = 0.0

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return self.steps


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents whose known part is exactly `y`. Raises `ValueError` without a mask, `DivergedError` as `Denoiser`."""
    run = Run(problem, settings.steps)
    x_t = problem.noise()
    for step in problem.schedule.steps(settings.steps):
        known = problem.diffuse(run.masked.y, CLEAN, Level.before(step))
        x_t = paste(x_t, known, run.masked.mask)
        denoised = yield from run.denoise(x_t, step)
        yield from run.step_done(denoised.x0_hat)
        x_t = step.ddim(denoised.x0_hat, denoised.eps, settings.eta, problem.noise())
    return (yield from run.result(paste(x_t, run.masked.y, run.masked.mask)))
