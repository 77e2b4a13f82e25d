"""What every method keeps besides its `x_t`, so that each can be written as its paper writes it."""

from __future__ import annotations

from torch import Tensor

from sampler.constraints.base import Constraint, MaskedConstraint
from sampler.evaluation import Denoised, Denoiser, Process, Report
from sampler.peers.problem import Problem, require_mask
from sampler.sample import SampleResult, SamplerOptions, StopReason
from sampler.schedule import Step


class Run:
    """One run of a method: the constraint as it stands, its residuals, the count of evaluations."""

    def __init__(self, problem: Problem, steps: int) -> None:
        self.constraint: Constraint = problem.constraint
        self._denoiser = Denoiser(problem.conditioning, SamplerOptions().largest_latent)
        self._steps = steps
        self._residuals: list[float] = []

    @property
    def masked(self) -> MaskedConstraint:
        """The constraint as it stands; raises `ValueError` unless it has a mask."""
        return require_mask(self.constraint)

    def denoise(self, x_t: Tensor, step: Step) -> Process[Denoised]:
        """Evaluate the network where `step` starts; raises `DivergedError` as `Denoiser` does."""
        return self._denoiser(x_t, step.timestep)

    def step_done(self, x0_hat: Tensor) -> Process[None]:
        """After each step: note the residual of its clean estimate, renew the constraint, report."""
        self._residuals.append((yield from self.constraint.misfit(x0_hat)).residual)
        number = len(self._residuals)
        self.constraint = yield from self.constraint.renewed(x0_hat, number / self._steps)
        yield Report(number, self._steps, x0_hat)

    def result(self, latents: Tensor) -> Process[SampleResult]:
        """The end: the last residual becomes that of the `latents` themselves."""
        last = (yield from self.constraint.misfit(latents)).residual
        residuals = (*self._residuals[:-1], last)
        return SampleResult(latents, self._denoiser.nfe, self._steps, residuals, StopReason.STEPS_DONE)
