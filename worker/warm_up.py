"""First calls are slow: they compile, choose kernels and fill caches. Better now than in somebody's job."""

from __future__ import annotations

import torch

from sampler.evaluation import Conditioning, Decode, Denoise, Encode, Evaluator
from worker.diffusers_model import DiffusersModel


def batch_sizes(max_batch: int, *, fixed: bool) -> tuple[int, ...]:
    """The batch sizes that the network is given, up to `max_batch` guided samples, which take two rows each.

    `fixed`, for compiled graphs and GPUs, keeps to powers of two; otherwise every size is used and nothing is padded.
    """
    most = 2 * max_batch
    if not fixed:
        return tuple(range(1, most + 1))
    return tuple(1 << power for power in range((most - 1).bit_length() + 1))


def warm_up(model: DiffusersModel, evaluator: Evaluator, sizes: tuple[int, ...]) -> None:
    """Evaluate the network at native size once for each batch size, and the autoencoder once each way."""
    side = model.native_size_px
    conditioning = Conditioning(model.conditioning("", "", 1.0).prompt)
    image = torch.zeros(3, side, side, device=model.device)
    latents = torch.zeros(model.latents_shape(side, side), device=model.device)
    evaluator.encode([Encode(image)])
    for size in sizes:
        evaluator.denoise([Denoise(latents, 1, conditioning)] * size)
    evaluator.decode([Decode(latents)])
