"""From sampled canvases to stored results, beside the engine: finish, encode, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs import keys
from jobs.blobs import BlobStore
from jobs.record import JobRecord, Quality, Result
from worker import images
from worker.assignment import Prepared
from worker.process import Painted


@dataclass(frozen=True)
class Finished:
    """The files of a job, and what was measured on them."""

    pictures: list[images.EncodedPicture]
    quality: Quality


def finish(record: JobRecord, prepared: Prepared, painted: Sequence[Painted]) -> Finished:
    """Finish and encode every picture of a job, and measure the written files against what was sent."""
    pictures = [images.encode(prepared.finish(one.image), record.spec.output) for one in painted]
    known = prepared.known
    differences = [images.known_max_abs_diff(known.picture, one, known.mask) for one in pictures] if known else []
    residual = prepared.residual
    residuals = [one.residual for one in painted] if residual is None else [residual(one.opened()) for one in pictures]
    told = [one for one in residuals if one is not None]
    quality = Quality(known_region_max_abs_diff=max(differences, default=None), residual=max(told, default=None))
    return Finished(pictures, quality)


def store(record: JobRecord, finished: Finished, blobs: BlobStore, *, ttl_s: int) -> list[Result]:
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
