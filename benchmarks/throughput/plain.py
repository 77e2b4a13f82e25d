"""diffusers' own text-to-image pipeline, one picture after the other: what a server without an engine does."""

from __future__ import annotations

from statistics import median

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from benchmarks.throughput.ceiling import now

ROUNDS = 3


def seconds_of_a_picture(
    model: str, device: torch.device, dtype: torch.dtype, steps: int, guidance_scale: float, *, compiled: bool
) -> float:
    """Median seconds of one picture of `steps` steps; `compiled`: with the speed-ups that its documentation names.

    Those are channels-last layouts and a compiled UNet; fused attention it uses by itself.
    """
    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=dtype, safety_checker=None).to(device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    if compiled:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
        pipeline.unet.compile()
    seconds = []
    for seed in range(ROUNDS + 1):
        began = now(device)
        generator = torch.Generator().manual_seed(seed)
        pipeline("", num_inference_steps=steps, guidance_scale=guidance_scale, generator=generator)
        seconds.append(now(device) - began)
    return median(seconds[1:])
