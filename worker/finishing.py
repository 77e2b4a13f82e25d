"""From sampled canvases to stored results, beside the engine: finish, encode, measure."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from jobs import keys
from jobs.blobs import BlobStore
from jobs.record import JobRecord, Quality, Result
from worker import images
from worker.assignment import Prepared
from worker.process import Painted

DRAWN_DIGITS = 12
"""Of a name of results: two executions of one job never draw the same."""


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


def listed(record: JobRecord, finished: Finished) -> list[Result]:
    """What the record is to say of the files, under names that are drawn here and that nothing else will ever have.

    A worker that has lost its job without knowing writes files, too, and takes them away when it is refused: neither
    may touch those of the worker that has the job by now. The attempt tells the two apart for people only, as it is not
    unique after Redis has lost its last second. The name keeps to what `keys.blob_parts` reads, whatever its version:
    `result-` and digits, of which the first are the attempt and the last is the picture's number.
    """
    execution = f"{record.attempt}{secrets.randbelow(10**DRAWN_DIGITS):0{DRAWN_DIGITS}}"
    return [
        Result(
            blob=keys.blob(record.id, f"result-{execution}{number}"),
            content_type=picture.content_type,
            width_px=picture.width_px,
            height_px=picture.height_px,
            bytes=len(picture.data),
        )
        for number, picture in enumerate(finished.pictures)
    ]


def store(results: Sequence[Result], finished: Finished, blobs: BlobStore, *, ttl_s: int) -> None:
    """Put the files into the blob store, as `listed`. Doing it again replaces them."""
    for result, picture in zip(results, finished.pictures, strict=True):
        blobs.put(result.blob, picture.data, picture.content_type, ttl_s=ttl_s)
