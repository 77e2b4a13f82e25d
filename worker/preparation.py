"""From a job record to what the engine needs: uploads read, placed, filled; the prompt embedded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from jobs.blobs import RedisBlobStore
from jobs.errors import BlobMissing
from jobs.record import JobRecord
from jobs.spec import CompleteSpec, GenerateSpec, InpaintSpec
from sampler.sample import SamplerOptions
from sampler.schedule import Spacing
from worker import images
from worker.canvas import Canvas, to_canvas
from worker.compositing import Upload
from worker.diffusers_model import DiffusersModel
from worker.errors import InputUnreadable, UnknownModel
from worker.geometry import Placement, place
from worker.process import Plan

ETA = 1.0
"""Fresh noise of a step, as in DDPM: on held-out scenes worth decibels over the published value (docs/sampler.md)."""

SPACING: Spacing = "trailing"
"""Start at the noisiest timestep, whatever the checkpoint's scheduler does: there a little-known picture is decided."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A job ready to run. `upload` and `canvas` are None for a picture made from the prompt alone."""

    plan: Plan
    placement: Placement
    upload: Upload | None
    canvas: Canvas | None


def prepare(record: JobRecord, blobs: RedisBlobStore, model: DiffusersModel, *, max_pixels: int) -> Prepared:
    """Read the uploads of a job and lay out the work. Runs beside the engine, in any thread.

    Raises:
        UnknownModel: the job asks for another model.
        BlobMissing: an upload has expired.
        InputUnreadable: an upload is not what the API promises.
    """
    spec = record.spec
    if spec.model not in (None, model.name):
        raise UnknownModel(f"{spec.model} was asked for, {model.name} is here")
    if isinstance(spec, GenerateSpec):
        width, height = spec.width_px or model.native_size_px, spec.height_px or model.native_size_px
        placement = place(width, height, model.native_size_px, model.cell_px)
        return Prepared(_plan(record, model, placement, None), placement, None, None)
    upload = _read_upload(record, spec, blobs, max_pixels)
    box = images.hole_box(upload.mask) if isinstance(spec, InpaintSpec) else None
    placement = place(upload.picture.width, upload.picture.height, model.native_size_px, model.cell_px, box)
    canvas = to_canvas(upload.picture, upload.mask, placement)
    return Prepared(_plan(record, model, placement, canvas), placement, upload, canvas)


def _read_upload(record: JobRecord, spec: CompleteSpec | InpaintSpec, blobs: RedisBlobStore, max_pixels: int) -> Upload:
    picture = _read(record, "image", "RGB", blobs, max_pixels)
    if isinstance(spec, CompleteSpec):
        return Upload(picture, images.side_mask(picture.width, picture.height, spec.keep, spec.fraction))
    mask = _read(record, "mask", "L", blobs, max_pixels)
    if mask.size != picture.size:
        raise InputUnreadable("the stored mask has another size than the picture")
    return Upload(picture, mask)


def _read(record: JobRecord, name: str, mode: str, blobs: RedisBlobStore, max_pixels: int) -> Image.Image:
    key = record.inputs.get(name)
    if key is None:
        raise BlobMissing(name)
    return images.read(blobs.get(key).data, mode, max_pixels=max_pixels)


def _plan(record: JobRecord, model: DiffusersModel, placement: Placement, canvas: Canvas | None) -> Plan:
    spec = record.spec
    return Plan(
        canvas=canvas,
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        cell_px=model.cell_px,
        conditioning=model.conditioning(spec.prompt, spec.negative_prompt, spec.guidance_scale),
        schedule=replace(model.schedule, spacing=SPACING),
        options=SamplerOptions(spec.steps, spec.inner_steps, spec.solver, eta=ETA, network_dtype=model.dtype),
        seed=record.seed,
    )
