"""One picture of a job as a stream of evaluations: encode what is known, sample, decode."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor

from sampler.constraints.known_pixels import encode_known
from sampler.evaluation import Conditioning, Process, decode
from sampler.fill import known_cells
from sampler.sample import SamplerOptions, sample
from sampler.schedule import Schedule
from worker.canvas import Canvas

SEEDS = 2**63


@dataclass(frozen=True, eq=False)
class Plan:
    """What all pictures of a job share. `canvas` is None for a picture made from the prompt alone."""

    canvas: Canvas | None
    latents_shape: tuple[int, int, int]
    cell_px: int
    conditioning: Conditioning
    schedule: Schedule
    options: SamplerOptions
    seed: int


@dataclass(frozen=True, eq=False)
class Painted:
    """One sampled canvas: `image` (3, H, W) float32 about [-1, 1] on the CPU, with what it took."""

    image: Tensor
    nfe: int
    residual: float | None


def generator_seed(seed: int) -> int:
    """A seed of 63 bits for torch's CPU generator, which uses the low 32 only; smaller seeds stay themselves."""
    if seed < 2**32:
        return seed
    return int.from_bytes(blake2b(seed.to_bytes(8, "big"), digest_size=4).digest(), "big")


def run_job(plan: Plan, number: int) -> Process[Painted]:
    """Picture `number` of a job, from 0. Its noise comes from seed + number alone: the same in any company.

    The one function that a queue entry may name. The resident worker gives it to the engine with the plan that it has
    made from the job's record; a stock RQ worker, which has only an id, fails on the missing plan.
    """
    constraint = None
    if plan.canvas is not None:
        device = plan.conditioning.prompt.device
        known = plan.canvas.known.to(device)
        cells = known_cells(known, plan.cell_px)
        if bool(cells.any()):
            constraint = yield from encode_known(plan.canvas.image.to(device), known, cells)
    generator = torch.Generator().manual_seed(generator_seed((plan.seed + number) % SEEDS))
    result = yield from sample(
        plan.latents_shape, constraint, plan.conditioning, plan.schedule, plan.options, generator
    )
    image = yield from decode(result.latents)
    return Painted(image.cpu(), result.nfe, result.residual)
