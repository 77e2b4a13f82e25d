"""RePaint (Lugmayr et al. 2022, arXiv 2201.09865, algorithm 1, with the released jump schedule).

As with blending, the known part of every state is the noised `y`. What the pasting tears apart is mended by
resampling: after some DDPM steps the state is noised again and the steps are repeated, so that known and unknown part
come to fit. The paper's network has learned variances; here they are DDPM's posterior ones, `eta = 1`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampler.evaluation import Process
from sampler.peers.problem import CLEAN, Level, Problem, paste
from sampler.peers.run import Run
from sampler.peers.travel import visits
from sampler.sample import SampleResult

DDPM = 1.0


@dataclass(frozen=True)
class Settings:
    """The paper's: 250 steps, jumps of 10 steps, each stretch sampled 10 times: 2,410 evaluations.

    With few steps, short jumps: 20 steps with jumps of 1 and 3 samplings cost 58. Raises `ValueError` below 1.
    """

    steps: int = 250
    jump_length: int = 10
    resamplings: int = 10

    def __post_init__(self) -> None:
        if min(self.steps, self.jump_length, self.resamplings) < 1:
            raise ValueError("steps, jump_length and resamplings must be at least 1")

    @property
    def order(self) -> list[int]:
        """The steps' indices in the order in which they are taken.

        Jumps start where 0, j, 2j, … steps and one are left, while that is less than `steps - j` and one.
        """
        rewinds = {
            self.steps - 1 - left: self.resamplings - 1
            for left in range(0, self.steps - self.jump_length, self.jump_length)
        }
        order: list[int] = []
        done = 0
        while done < self.steps:
            order.append(done)
            done += 1
            if rewinds.get(done, 0) > 0:
                rewinds[done] -= 1
                done -= self.jump_length
        return order

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return len(self.order)


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents whose known part is exactly `y`. Raises `ValueError` without a mask, `DivergedError` as `Denoiser`.

    Residual, renewal and report belong to the last visit of a step.
    """
    run = Run(problem, settings.steps)
    steps = problem.schedule.steps(settings.steps)
    x_t = problem.noise()
    for visit in visits(settings.order):
        step = steps[visit.index]
        if visit.stands > visit.index:
            x_t = problem.diffuse(x_t, Level.before(steps[visit.stands]), Level.before(step))
        known = problem.diffuse(run.masked.y, CLEAN, Level.before(step))
        x_t = paste(x_t, known, run.masked.mask)
        denoised = yield from run.denoise(x_t, step)
        if visit.is_last:
            yield from run.step_done(denoised.x0_hat)
        x_t = step.ddim(denoised.x0_hat, denoised.eps, DDPM, problem.noise())
    return (yield from run.result(paste(x_t, run.masked.y, run.masked.mask)))
