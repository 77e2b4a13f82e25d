"""One picture of a job as a stream of evaluations: encode what is known, sample, decode."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor

from sampler.constraints.base import Constraint
from sampler.constraints.known_pixels import encode_known
from sampler.evaluation import Conditioning, Process, decode
from sampler.fill import known_cells
from sampler.sample import SamplerOptions, sample
from sampler.schedule import Schedule
from worker.canvas import Canvas
from worker.geometry import Box
from worker.stopwatch import PictureClock

SEEDS = 2**63


@dataclass(frozen=True, eq=False)
class Plan:
    """What all pictures of a job share.

    `canvas` holds the known pixels, which are encoded first; None where none are. `constraint` is any other condition,
    ready as it is. With neither, a picture is made from the prompt alone.
    """

    canvas: Canvas | None
    latents_shape: tuple[int, int, int]
    cell_px: int
    conditioning: Conditioning
    schedule: Schedule
    options: SamplerOptions
    seed: int
    constraint: Constraint | None = None
    shown: Box | None = None
    """Where the picture lies on the canvas, in pixels; None if it is all of it."""

    @property
    def visible(self) -> Box:
        """The part of the canvas that is the picture and no padding."""
        _, height, width = self.latents_shape
        return self.shown or Box(0, 0, width * self.cell_px, height * self.cell_px)


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


def run_job(plan: Plan, number: int, clock: PictureClock | None = None) -> Process[Painted]:
    """Picture `number` of a job, from 0. Its noise comes from seed + number alone: the same in any company.

    The one function that a queue entry may name. The resident worker gives it to the engine with the plan that it has
    made from the job's record; a stock RQ worker, which has only an id, fails on the missing plan. `clock` is told the
    stages as they begin.
    """
    clock = clock or PictureClock()
    try:
        constraint = plan.constraint
        if plan.canvas is not None:
            clock.enter("encode")
            constraint = yield from _keep_known(plan, plan.canvas)
        clock.enter("denoise")
        generator = torch.Generator().manual_seed(generator_seed((plan.seed + number) % SEEDS))
        result = yield from sample(
            plan.latents_shape, constraint, plan.conditioning, plan.schedule, plan.options, generator
        )
        clock.enter("decode")
        image = yield from decode(result.latents)
        return Painted(image.cpu(), result.nfe, result.residual)
    finally:
        clock.enter(None)


def _keep_known(plan: Plan, canvas: Canvas) -> Process[Constraint | None]:
    """The canvas's known pixels as a constraint; None if they leave no latent cell wholly known."""
    device = plan.conditioning.prompt.device
    known = canvas.known.to(device)
    cells = known_cells(known, plan.cell_px)
    if not bool(cells.any()):
        return None
    return (yield from encode_known(canvas.image.to(device), known, cells))
