"""A world whose answers are known in closed form: Gaussian latents, their exact denoiser, their exact completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sampler.constraints.inpaint import InpaintConstraint
from sampler.evaluation import Conditioning, Decode, Denoise, Denoised, Encode
from sampler.guidance import evaluate
from sampler.prediction import PredictionType, from_x0_and_eps
from sampler.schedule import Schedule

SHAPE = (2, 4, 4)
SIZE = 32
NO_TEXT = Conditioning(torch.zeros(1, 1))


def covariance() -> Tensor:
    """Few strong common factors: half of the coordinates nearly determine the rest, as in a symmetric picture."""
    factors = torch.randn(SIZE, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return factors @ factors.T / 6 + 0.02 * torch.eye(SIZE, dtype=torch.float64)


@dataclass
class GaussianEvaluator:
    """The exact network for latents N(mean + prompt[0, 0], C), in float64, with any output type."""

    prediction_type: PredictionType = "v_prediction"
    schedule: Schedule = field(default_factory=Schedule.from_betas)
    C: Tensor = field(default_factory=covariance)
    mean: float = 0.3
    batches: list[list[Denoise]] = field(default_factory=list)
    image_batches: list[int] = field(default_factory=list)

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        alpha_t, sigma_t = torch.tensor(
            [self.schedule.alpha_sigma(int(t)) for t in timesteps], dtype=torch.float64
        ).T.reshape(2, -1, 1)
        x = x_t.double().flatten(1)
        mean = self.mean + prompts[:, 0, :1].double()
        noisy = alpha_t[..., None] ** 2 * self.C + sigma_t[..., None] ** 2 * torch.eye(SIZE, dtype=torch.float64)
        x0 = mean + alpha_t * (self.C @ torch.linalg.solve(noisy, (x - alpha_t * mean)[..., None]))[..., 0]
        eps = (x - alpha_t * x0) / sigma_t
        return from_x0_and_eps(self.prediction_type, x0, eps, alpha_t, sigma_t).reshape(x_t.shape).float()

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        self.batches.append(list(requests))
        return evaluate(requests, self.network, self.schedule, self.prediction_type)

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        self.image_batches.append(len(requests))
        return [request.image[:2, ::2, ::2] for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        self.image_batches.append(len(requests))
        return [request.latents.mean(0).expand(3, -1, -1).clone() for request in requests]

    def jacobian(self, timestep: int) -> Tensor:
        """`alpha_t C (alpha_t^2 C + sigma_t^2 I)^-1`: symmetric, as C commutes with its inverse."""
        alpha_t, sigma_t = self.schedule.alpha_sigma(timestep)
        noisy = alpha_t**2 * self.C + sigma_t**2 * torch.eye(SIZE, dtype=torch.float64)
        jacobian: Tensor = alpha_t * torch.linalg.solve(noisy, self.C)
        return jacobian

    def draw(self, seed: int) -> Tensor:
        """A sample of the world, (2, 4, 4) float64."""
        z = torch.randn(SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        x0: Tensor = self.mean + torch.linalg.cholesky(self.C) @ z
        return x0.reshape(SHAPE)

    def completion(self, x0: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of the unknown coordinates given the known ones, and their covariance (Gaussian conditioning)."""
        k = known.flatten()
        gain = torch.linalg.solve(self.C[k][:, k], self.C[k][:, ~k]).T
        mean = self.mean + gain @ (x0.flatten()[k] - self.mean)
        return mean, self.C[~k][:, ~k] - gain @ self.C[k][:, ~k]


def left_half() -> Tensor:
    """Which latents are known: (2, 4, 4) bool."""
    known = torch.zeros(SHAPE, dtype=torch.bool)
    known[..., :2] = True
    return known


def keep_left(x0: Tensor) -> InpaintConstraint:
    """The left half of `x0` is known; the constraint does not hold the right half."""
    return InpaintConstraint(x0.float().masked_fill(~left_half(), float("nan")), left_half().float())
