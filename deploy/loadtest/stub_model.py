"""A model that answers at a stated pace and computes next to nothing: what is measured with it is everything else."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from deploy.pace import Pace
from sampler.evaluation import Conditioning, Decode, Denoise, Denoised, Differentiate, Differentiated, Encode
from sampler.schedule import Schedule
from worker.diffusers_model import DiffusersModel

NAME = "stub-128"
CELL_PX = 8
CHANNELS = 4
TOKENS, WIDTH = 4, 8


class StubModel(DiffusersModel):
    """Stands in a worker for the networks, which alone are left out: a denoiser for Gaussian latents, and an
    autoencoder that takes means of cells. Each call takes the seconds of `pace`, asleep.

    Pictures are grey blocks; only loads, queues and faults are to be tried with it.
    """

    def __init__(self, pace: Pace) -> None:
        self.name = NAME
        self.device = torch.device("cpu")
        self.dtype = torch.float32
        self.schedule = Schedule.from_betas()
        self.prediction_type = "epsilon"
        self.cell_px, self.channels, self.extra_channels = CELL_PX, CHANNELS, 0
        self.native_size_px = 128
        self._pace = pace
        self._text = torch.zeros(TOKENS, WIDTH)

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        """The same for every text."""
        return Conditioning(self._text, None if guidance_scale == 1.0 else self._text, guidance_scale)

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        """The mean of standard normal latents given `x_t`: `x0_hat = alpha_t x_t / (alpha_t^2 + sigma_t^2)`."""
        time.sleep(self._pace.network(sum(request.conditioning.nfe for request in requests)))
        return [self._denoised(request) for request in requests]

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        """Means of cells in three channels, and their mean in the fourth."""
        time.sleep(self._pace.image(len(requests)))
        cells = [functional.avg_pool2d(request.image, self.cell_px) for request in requests]
        return [torch.cat([one, one.mean(0, keepdim=True)]) for one in cells]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        """Blocks of one colour for each cell."""
        time.sleep(self._pace.image(len(requests)))
        return [
            request.latents[:3].repeat_interleave(self.cell_px, 1).repeat_interleave(self.cell_px, 2)
            for request in requests
        ]

    def differentiate(self, request: Differentiate) -> Differentiated:
        """Nothing of the service's own asks for it. Raises `NotImplementedError`."""
        raise NotImplementedError("the stub has no gradients")  # made-up ones would let a gradient method look free

    def _denoised(self, request: Denoise) -> Denoised:
        alpha_t, sigma_t = self.schedule.alpha_sigma(request.timestep)
        x0_hat = request.x_t * (alpha_t / (alpha_t**2 + sigma_t**2))
        return Denoised(x0_hat, (request.x_t - alpha_t * x0_hat) / sigma_t, float(x0_hat.abs().max()))
