"""From sampled canvases to stored results, beside the engine: composite, encode, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from jobs import keys
from jobs.blobs import RedisBlobStore
from jobs.record import JobRecord, Quality, Result
from jobs.spec import GenerateSpec
from worker import images
from worker.canvas import from_canvas
from worker.compositing import composite, replace_window
from worker.preparation import Prepared
from worker.process import Painted


@dataclass(frozen=True)
class Finished:
    """The files of a job, and what was measured on them."""

    pictures: list[images.EncodedPicture]
    quality: Quality


def finish(record: JobRecord, prepared: Prepared, painted: Sequence[Painted]) -> Finished:
    """Composite and encode every picture of a job, and measure the known pixels in the written files."""
    pictures = [images.encode(_assemble(record, prepared, one), record.spec.output) for one in painted]
    upload = prepared.upload
    differences = [images.known_max_abs_diff(upload.picture, one, upload.mask) for one in pictures] if upload else []
    residuals = [one.residual for one in painted if one.residual is not None]
    quality = Quality(known_region_max_abs_diff=max(differences, default=None), residual=max(residuals, default=None))
    return Finished(pictures, quality)


def store(record: JobRecord, finished: Finished, blobs: RedisBlobStore, *, ttl_s: int) -> list[Result]:
    """Put the files into the blob store. Doing it again replaces them."""
    results = []
    for number, picture in enumerate(finished.pictures):
        key = keys.blob(record.id, f"result-{number}")
        blobs.put(key, picture.data, picture.content_type, ttl_s=ttl_s)
        results.append(
            Result(
                blob=key,
                content_type=picture.content_type,
                width_px=picture.width_px,
                height_px=picture.height_px,
                bytes=len(picture.data),
            )
        )
    return results


def _assemble(record: JobRecord, prepared: Prepared, painted: Painted) -> Image.Image:
    spec, upload, canvas, placement = record.spec, prepared.upload, prepared.canvas, prepared.placement
    picture = from_canvas(painted.image, placement)
    if upload is None or canvas is None or isinstance(spec, GenerateSpec):
        return picture
    if not spec.preserve_known:
        return replace_window(upload, picture, placement)
    return composite(upload, picture, from_canvas(canvas.image, placement), placement, spec.mask_feather_px)
