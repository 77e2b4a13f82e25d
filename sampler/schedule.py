"""Noise schedules: timesteps with their `alpha_t` and `sigma_t`, and the explicit DDIM step.

No state is kept between steps, because the sampler edits `x_t` between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal, assert_never

import torch
from torch import Tensor

BetaSchedule = Literal["scaled_linear", "linear"]
Spacing = Literal["leading", "trailing"]
Eta = float | Literal["paper"]


@dataclass(frozen=True)
class Step:
    """One step of a run: from `timestep` to the next one, or to the clean end (`alpha_next` 1, `sigma_next` 0)."""

    timestep: int
    alpha_t: float
    sigma_t: float
    alpha_next: float
    sigma_next: float
    beta_t: float
    """Variance that the forward process adds from `timestep - 1` to `timestep` alone."""

    def noise_std(self, eta: Eta) -> float:
        """Standard deviation `s` of the fresh noise in the step.

        A number scales the DDPM posterior's (0 is deterministic, 1 is DDPM; Song et al. 2020, arXiv 2010.02502,
        eq. 16); "paper" is `s^2 = beta_t * sigma_next^2 / sigma_t^2` with the single-step beta, as in arXiv 2410.18804.
        """
        if self.sigma_next == 0.0:
            return 0.0
        shrink = (self.sigma_next / self.sigma_t) ** 2
        if eta == "paper":
            variance = self.beta_t * shrink
        else:
            added = self.sigma_t**2 - (self.alpha_t / self.alpha_next) ** 2 * self.sigma_next**2
            variance = eta**2 * added * shrink
        return sqrt(min(max(variance, 0.0), self.sigma_next**2))

    def ddim(self, x0_hat: Tensor, eps: Tensor, eta: Eta = 0.0, noise: Tensor | None = None) -> Tensor:
        """The next `x_t`: `alpha_next * x0_hat + sqrt(sigma_next^2 - s^2) * eps + s * noise`, all of one shape.

        Raises `ValueError` when the step needs noise and none is given.
        """
        s = self.noise_std(eta)
        x_next = self.alpha_next * x0_hat + sqrt(self.sigma_next**2 - s**2) * eps
        if s == 0.0:
            return x_next
        if noise is None:
            raise ValueError(f"a step with eta {eta!r} needs noise")
        return x_next + s * noise


@dataclass(frozen=True)
class Schedule:
    """`alphas[t]` and `sigmas[t]` for each training timestep, and how a few of them are picked for sampling.

    `steps_offset` shifts the "leading" timesteps (1 for Stable Diffusion); "trailing" starts at the noisiest timestep.
    `dataclasses.replace(schedule, spacing="trailing")` changes the choice.
    """

    alphas: tuple[float, ...]
    sigmas: tuple[float, ...]
    spacing: Spacing = "leading"
    steps_offset: int = 1

    def __post_init__(self) -> None:
        if len(self.alphas) != len(self.sigmas) or not self.alphas:
            raise ValueError("alphas and sigmas must be non-empty and of equal length")

    @classmethod
    def from_betas(
        cls,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        beta_schedule: BetaSchedule = "scaled_linear",
        train_timesteps: int = 1000,
        *,
        zero_snr: bool = False,
    ) -> Schedule:
        """The variance-preserving schedules of DDPM ("linear") and Stable Diffusion ("scaled_linear", the defaults).

        `zero_snr` rescales so that the last timestep is pure noise (Lin et al. 2023, arXiv 2305.08891, algorithm 1).
        Computed in float32 as diffusers does, so that both agree to the last bit.
        """
        match beta_schedule:
            case "scaled_linear":
                betas = torch.linspace(beta_start**0.5, beta_end**0.5, train_timesteps, dtype=torch.float32) ** 2
            case "linear":
                betas = torch.linspace(beta_start, beta_end, train_timesteps, dtype=torch.float32)
            case _:
                assert_never(beta_schedule)
        alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        return cls.from_alphas_cumprod(_with_zero_snr(alphas_cumprod) if zero_snr else alphas_cumprod)

    @classmethod
    def from_alphas_cumprod(
        cls, alphas_cumprod: Tensor, spacing: Spacing = "leading", steps_offset: int = 1
    ) -> Schedule:
        """A variance-preserving schedule from its cumulative products `abar`, shape (train_timesteps,), in [0, 1]."""
        abar = [float(value) for value in alphas_cumprod]
        if not all(0.0 <= value <= 1.0 for value in abar):
            raise ValueError("alphas_cumprod must lie in [0, 1]")
        return cls(tuple(sqrt(a) for a in abar), tuple(sqrt(1.0 - a) for a in abar), spacing, steps_offset)

    @classmethod
    def straight(cls, train_timesteps: int = 1000) -> Schedule:
        """The straight path of flow matching: `sigma_t = t / train_timesteps`, `alpha_t = 1 - sigma_t`."""
        sigmas = tuple(t / train_timesteps for t in range(train_timesteps + 1))
        return cls(tuple(1.0 - sigma for sigma in sigmas), sigmas, "trailing")

    @property
    def alphas_cumprod(self) -> Tensor:
        """`alpha_t^2` for each training timestep, (train_timesteps,) float32."""
        return torch.tensor([alpha * alpha for alpha in self.alphas], dtype=torch.float32)

    def alpha_sigma(self, timestep: int) -> tuple[float, float]:
        """`alpha_t` and `sigma_t` of a timestep; raises `ValueError` outside the schedule."""
        if not 0 <= timestep < len(self.alphas):
            raise ValueError(f"timestep {timestep} is outside the schedule's 0 … {len(self.alphas) - 1}")
        return self.alphas[timestep], self.sigmas[timestep]

    def timesteps(self, steps: int) -> list[int]:
        """The `steps` timesteps of a run, noisiest first, as diffusers' "leading" and "trailing" spacings pick them."""
        last = len(self.alphas) - 1
        match self.spacing:
            case "leading":
                stride = len(self.alphas) // max(steps, 1)
                picked = [step * stride + self.steps_offset for step in reversed(range(steps))]
            case "trailing":
                count = len(self.alphas)
                fall = (count - count / max(steps, 1)) - count  # rounded as numpy's arange does: ties decide
                picked = [round(count + step * fall) - 1 for step in range(steps)]
            case _:
                assert_never(self.spacing)
        if not picked or picked[0] > last or len(set(picked)) < steps:
            raise ValueError(f"{steps} steps do not fit a schedule of {len(self.alphas)} timesteps")
        return picked

    def steps(self, steps: int) -> list[Step]:
        """The run as steps. The last one ends at the clean estimate itself (diffusers' `set_alpha_to_one`)."""
        timesteps = self.timesteps(steps)
        ends = [self.alpha_sigma(timestep) for timestep in timesteps[1:]] + [(1.0, 0.0)]
        return [
            Step(timestep, *self.alpha_sigma(timestep), *end, self._beta(timestep))
            for timestep, end in zip(timesteps, ends, strict=True)
        ]

    def _beta(self, timestep: int) -> float:
        alpha_t, sigma_t = self.alpha_sigma(timestep)
        alpha_before, sigma_before = self.alpha_sigma(timestep - 1) if timestep > 0 else (1.0, 0.0)
        return float(sigma_t**2 - (alpha_t / alpha_before) ** 2 * sigma_before**2)


def _with_zero_snr(alphas_cumprod: Tensor) -> Tensor:
    roots = alphas_cumprod.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    rescaled: Tensor = ((roots - last) * (first / (first - last))) ** 2
    return rescaled
