"""The outer loop: from noise to latents, as a generator of evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Literal

import torch
from torch import Tensor

from sampler import least_squares, newton
from sampler.constraints.base import Constraint
from sampler.correction import Corrected, Probing, probing_for
from sampler.evaluation import Conditioning, Denoised, Denoiser, Process, Report
from sampler.least_squares import LeastSquares
from sampler.newton import Newton
from sampler.schedule import Eta, Schedule, Step

SolverName = Literal["newton", "default"]


@dataclass(frozen=True)
class SamplerOptions:
    """How to sample. The defaults are the paper's for inpainting: 20 steps of 1 + 2 * 5 evaluations.

    `solver`: "newton" is the paper's, with `inner_steps` corrections a timestep; "default" is ours, with one (none when
    `inner_steps` is 0). `eta`: fresh noise a step, "paper" (about 0.16) or DDIM's 0 … 1. `h`: size of a one-sided
    probe; None probes as `network_dtype` needs, the precision that the network computes in. `tolerance`: residual (root
    mean square) below which a timestep needs no further correction. `largest_latent`: beyond it, sampling has diverged.
    `rates`: lengths of the paper's first and last correction of a timestep, in latents; for super-resolution it has 0.1
    and 0.1. Raises `ValueError` out of range.
    """

    steps: int = 20
    inner_steps: int = 5
    solver: SolverName = "newton"
    eta: Eta = "paper"
    h: float | None = None
    network_dtype: torch.dtype = torch.float32
    tolerance: float = 0.0
    largest_latent: float = 1e3
    rates: tuple[float, float] = (0.5, 0.1)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.inner_steps < 0:
            raise ValueError("steps must be at least 1 and inner_steps at least 0")
        if self.eta != "paper" and not 0.0 <= self.eta <= 1.0:
            raise ValueError('eta must be "paper" or lie in [0, 1]')
        if self.h is not None and not self.h > 0:
            raise ValueError("h must be positive")
        if not (self.tolerance >= 0 and self.largest_latent > 0):
            raise ValueError("tolerance must not be negative and largest_latent must be positive")
        if not all(isfinite(rate) and rate > 0 for rate in self.rates):
            raise ValueError("rates must be positive and finite")

    @property
    def newton(self) -> Newton:
        """The settings of the paper's solver."""
        return Newton(self.inner_steps, *self.rates, probing=self._probing, tolerance=self.tolerance)

    @property
    def least_squares(self) -> LeastSquares:
        """The settings of ours."""
        return LeastSquares(probing=self._probing, tolerance=self.tolerance)

    @property
    def _probing(self) -> Probing:
        return probing_for(self.network_dtype) if self.h is None else Probing(self.h)


class StopReason(StrEnum):
    """How a run ended."""

    UNCONSTRAINED = "unconstrained"
    CONSTRAINT_MET = "constraint_met"
    STEPS_DONE = "steps_done"


@dataclass(frozen=True, eq=False)
class SampleResult:
    """Clean latents (c, h, w) float32 with the run's statistics.

    `nfe` counts network evaluations (guided ones twice), `backward_passes` those that were differentiated (the peers',
    never ours); `residuals` holds the constraint's residual at each step, as its correction saw it last, and that of
    `latents`; empty without a constraint.
    """

    latents: Tensor
    nfe: int
    steps: int
    residuals: tuple[float, ...]
    stop_reason: StopReason
    backward_passes: int = 0

    @property
    def residual(self) -> float | None:
        """The residual of `latents`; None without a constraint."""
        return self.residuals[-1] if self.residuals else None


def sample(
    noise_or_shape: Tensor | tuple[int, int, int],
    constraint: Constraint | None,
    conditioning: Conditioning,
    schedule: Schedule,
    options: SamplerOptions,
    generator: torch.Generator,
) -> Process[SampleResult]:
    """Sample latents that meet `constraint`; without one this is plain text-to-image with DDIM.

    Starts from the given noise (c, h, w), standard normal, or draws it. All randomness comes from `generator`: with one
    on the CPU the picture depends neither on the device nor on what else runs. Works on the device of the prompt's
    embeddings. Raises `DivergedError` on NaN or values that no latents can have.
    """
    device = conditioning.prompt.device
    denoiser = Denoiser(conditioning, options.largest_latent)
    x_t = (
        noise_or_shape.to(device, torch.float32)
        if isinstance(noise_or_shape, Tensor)
        else _draw(noise_or_shape, generator, device)
    )
    residuals: list[float] = []
    denoised: Denoised | None = None
    steps = schedule.steps(options.steps)
    for number, step in enumerate(steps, start=1):
        denoised = yield from denoiser(x_t, step.timestep)
        if constraint is not None:
            corrected = yield from _correct(x_t, denoised, step, constraint, options, denoiser)
            x_t, denoised = corrected.x_t, corrected.denoised
            residuals.append(corrected.residual)
            constraint = yield from constraint.renewed(denoised.x0_hat, number / len(steps))
        yield Report(number, len(steps), denoised.x0_hat)
        noise = _draw(x_t.shape, generator, device) if step.noise_std(options.eta) > 0 else None
        x_t = step.ddim(denoised.x0_hat, denoised.eps, options.eta, noise)
    if constraint is not None:
        residuals.append((yield from constraint.misfit(x_t)).residual)
    return SampleResult(x_t, denoiser.nfe, len(steps), tuple(residuals), _stop_reason(residuals, options.tolerance))


def _correct(
    x_t: Tensor, base: Denoised, step: Step, constraint: Constraint, options: SamplerOptions, denoiser: Denoiser
) -> Process[Corrected]:
    if options.solver == "newton" or options.inner_steps == 0:
        return newton.correct(x_t, base, step, constraint, options.newton, denoiser)
    return least_squares.correct(x_t, base, step, constraint, options.least_squares, denoiser)


def _draw(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device).to(device)


def _stop_reason(residuals: list[float], tolerance: float) -> StopReason:
    if not residuals:
        return StopReason.UNCONSTRAINED
    return StopReason.CONSTRAINT_MET if residuals[-1] <= tolerance else StopReason.STEPS_DONE
