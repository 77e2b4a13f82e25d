"""Classifier-free guidance as part of an evaluation: requests to network rows and back.

A guided request becomes two rows of the network's batch, an unguided one a single row, so both kinds share a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sampler.evaluation import Denoise, Denoised
from sampler.prediction import PredictionType, to_x0_and_eps
from sampler.schedule import Schedule

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(channels (rows, c + k, h, w), timesteps (rows,) int64, prompts (rows, tokens, dim)) to raw output (rows, c, h, w).

The channels are `x_t` and the requests' `extra`, if they have any.
"""


def evaluate(
    requests: Sequence[Denoise], network: Network, schedule: Schedule, prediction_type: PredictionType
) -> list[Denoised]:
    """Answer requests of one shape with a single call of `network`.

    The network may compute in any precision and on any device: its output is brought back to the requests' device and
    to float32 before guidance and before it becomes `x0_hat` and `eps`.
    """
    x_t = torch.stack([request.x_t for request in requests])
    output = _guide(requests, network(*_rows(requests)).to(x_t))
    alpha_sigma = x_t.new_tensor([schedule.alpha_sigma(request.timestep) for request in requests])
    alpha_t, sigma_t = alpha_sigma.T.reshape(2, -1, 1, 1, 1)
    x0_hat, eps = to_x0_and_eps(prediction_type, output, x_t, alpha_t, sigma_t)
    return [Denoised(*pair) for pair in zip(x0_hat, eps, strict=True)]


def _rows(requests: Sequence[Denoise]) -> tuple[Tensor, Tensor, Tensor]:
    """The network's arguments: for each request its prompt's row, then its negative's if it is guided."""
    rows = [(request, embedding) for request in requests for embedding in request.conditioning.embeddings]
    channels = torch.stack([request.channels for request, _ in rows])
    timesteps = torch.tensor([request.timestep for request, _ in rows], device=channels.device)
    return channels, timesteps, torch.stack([embedding for _, embedding in rows])


def _guide(requests: Sequence[Denoise], output: Tensor) -> Tensor:
    """One output a request, `negative + w * (positive - negative)` where guided; linear, so right for every type."""
    rows = iter(output)
    guided = []
    for request in requests:
        positive = next(rows)
        if request.conditioning.is_guided:
            negative = next(rows)
            positive = negative + request.conditioning.guidance_scale * (positive - negative)
        guided.append(positive)
    return torch.stack(guided)
