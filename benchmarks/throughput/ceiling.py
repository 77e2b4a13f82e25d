"""How fast the device multiplies matrices, and how many operations a network call takes."""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from worker.diffusers_model import DiffusersModel

REPEATS = 5


def ceiling_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of the best of a few large matrix products."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(REPEATS + 1):
        began = now(device)
        torch.matmul(a, b)
        best = max(best, 2 * side**3 / (now(device) - began))
    return best


def flops_of_a_row(model: DiffusersModel) -> float:
    """Floating-point operations of the network for one sample at native size, convolutions and products."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.network(*rows(model, 1))
    return float(counter.get_total_flops())


def rows(model: DiffusersModel, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The network's arguments for `count` samples of native size, with noise and an empty prompt."""
    side = model.native_size_px
    generator = torch.Generator().manual_seed(0)
    channels = torch.randn(count, *model.latents_shape(side, side), generator=generator).to(model.device)
    prompt = model.conditioning("", "", 1.0).prompt
    timesteps = torch.linspace(1, 999, count).long().to(model.device)
    return channels, timesteps, prompt.expand(count, *prompt.shape)


def now(device: torch.device) -> float:
    """Seconds on a clock, when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
