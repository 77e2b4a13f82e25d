"""One job with all that laying it out takes, and what comes of that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from PIL import Image
from torch import Tensor

from jobs.blobs import BlobStore
from jobs.errors import BlobMissing
from jobs.record import JobRecord
from sampler.constraints.base import Constraint
from sampler.constraints.style import Features
from sampler.sample import SamplerOptions
from sampler.schedule import Spacing
from worker import images
from worker.canvas import Canvas
from worker.compositing import Upload
from worker.diffusers_model import DiffusersModel
from worker.geometry import Placement
from worker.process import Plan

ETA = 1.0
"""Fresh noise of a step, as in DDPM: on held-out scenes worth decibels over the published value (docs/sampler.md)."""

SPACING: Spacing = "trailing"
"""Start at the noisiest timestep, whatever the checkpoint's scheduler does: there a little-known picture is decided."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A job ready to run.

    `plan` is sampled; `finish` makes a picture of each sampled canvas (3, H, W), about [-1, 1]. `known` is what the
    written file is compared with, None where no pixel is known. `residual` measures the constraint in the picture of
    the written file; None where the sampler's own residual is the one to tell.
    """

    plan: Plan
    finish: Callable[[Tensor], Image.Image]
    known: Upload | None = None
    residual: Callable[[Image.Image], float] | None = None


@dataclass(frozen=True, eq=False)
class Assignment:
    """A job, its uploads, and the networks of this worker.

    Pictures beyond `max_pixels` are not decoded. `features` see styles, None where there are none. Networks are called
    inside of `watch`, which notices that they hang.
    """

    record: JobRecord
    blobs: BlobStore
    model: DiffusersModel
    features: Features | None
    max_pixels: int
    watch: Callable[[], AbstractContextManager[None]] = nullcontext

    def read(self, name: str, mode: str = "RGB") -> Image.Image:
        """An upload by its form field, as `RGB` or `L`.

        Raises:
            BlobMissing: it has expired, or was never sent.
            InputUnreadable: it is not what the API promises.
        """
        key = self.record.inputs.get(name)
        if key is None:
            raise BlobMissing(name)
        return images.read(self.blobs.get(key).data, mode, max_pixels=self.max_pixels)

    def plan(self, placement: Placement, canvas: Canvas | None = None, constraint: Constraint | None = None) -> Plan:
        """The sampling of the job on a canvas, with its known pixels, another constraint, or neither."""
        spec, model = self.record.spec, self.model
        with self.watch():
            conditioning = model.conditioning(spec.prompt, spec.negative_prompt, spec.guidance_scale)
        return Plan(
            canvas=canvas,
            latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
            cell_px=model.cell_px,
            conditioning=conditioning,
            schedule=replace(model.schedule, spacing=SPACING),
            options=SamplerOptions(spec.steps, spec.inner_steps, spec.solver, eta=ETA, network_dtype=model.dtype),
            seed=self.record.seed,
            constraint=constraint,
            shown=placement.scaled,
        )
