"""What stands in the hole of an upload never reaches the result: from the stored file to the written one, byte by byte.

Jobs run one after another: in company a network's rounding may differ, and with it a level here or there.
"""

from __future__ import annotations

import io
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from jobs.record import JobState
from tests.worker.conftest import Bench, StartWorker, noise_png, png
from worker.images import side_mask

Size = tuple[int, int]

STEPS = 10
"""Enough for the hole to be filled anew from the clean estimate at each of the four shares of the steps."""

PIXELS_AWAY = 4
"""From the hole to the known pixel that is changed."""


def hole_of(task: str, size: Size) -> Image.Image:
    """255 is painted anew: the right half for `complete`, an ellipse in the middle for `inpaint`."""
    width, height = size
    if task == "complete":
        return side_mask(width, height, "left", 0.5)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse((width // 3, height // 3, 2 * width // 3, 2 * height // 3), fill=255)
    return mask


def picture(size: Size, seed: int) -> Image.Image:
    return Image.open(io.BytesIO(noise_png(*size, seed)))


def wildly_changed(upload: Image.Image, hole: Image.Image) -> Image.Image:
    """The upload with another hole: noise at its top, all white in its middle, another picture at its bottom."""
    corners = hole.getbbox()
    assert corners is not None
    third = (corners[3] - corners[1]) // 3
    other = picture(upload.size, seed=1)
    other.paste((255, 255, 255), (0, corners[1] + third, upload.width, corners[1] + 2 * third))
    turned = ImageOps.invert(upload.rotate(180))
    other.paste(turned.crop((0, corners[1] + 2 * third, *upload.size)), (0, corners[1] + 2 * third))
    return Image.composite(other, upload, hole)


def with_a_known_pixel_changed(upload: Image.Image, hole: Image.Image) -> Image.Image:
    """The upload with one pixel inverted, in the middle row, a little to the left of the hole."""
    corners = hole.getbbox()
    assert corners is not None
    place = corners[0] - PIXELS_AWAY, upload.height // 2
    assert hole.getpixel(place) == 0
    changed = upload.copy()
    changed.paste(ImageOps.invert(upload.crop((*place, place[0] + 1, place[1] + 1))), place)
    return changed


def painted(bench: Bench, upload: Image.Image, hole: Image.Image, spec: dict[str, Any]) -> bytes:
    """The result's file, made while no other job runs."""
    mask = png(hole) if spec["task"] == "inpaint" else None
    record = bench.wait(bench.submit(png(upload), mask, steps=STEPS, **spec))
    assert record.state is JobState.SUCCEEDED, record
    return bench.blobs.get(record.results[0].blob).data


def inside(data: bytes, hole: Image.Image) -> bytes:
    """The pixels of a result in the hole."""
    return np.asarray(Image.open(io.BytesIO(data)))[np.asarray(hole) > 0].tobytes()


@pytest.mark.parametrize("size", [(128, 128), (200, 150)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("task", ["complete", "inpaint"])
def test_result_knows_every_known_pixel_and_nothing_of_the_hole(
    bench: Bench, start_worker: StartWorker, task: str, size: Size
) -> None:
    upload, hole = picture(size, seed=0), hole_of(task, size)
    hidden, seen = wildly_changed(upload, hole), with_a_known_pixel_changed(upload, hole)
    with start_worker():
        for solver, feather_px in product(("default", "newton"), (0, 8)):
            spec = {"task": task, "solver": solver, "mask_feather_px": feather_px}
            expected = painted(bench, upload, hole, spec)
            assert painted(bench, hidden, hole, spec) == expected, f"{spec}: the hole has leaked"
            if feather_px == 0:
                other = painted(bench, seen, hole, spec)
                assert inside(other, hole) != inside(expected, hole), f"{spec}: the hole does not fit what is known"


def test_uploads_differ_where_they_should() -> None:
    upload, hole = picture((200, 150), seed=0), hole_of("inpaint", (200, 150))
    hidden, seen = wildly_changed(upload, hole), with_a_known_pixel_changed(upload, hole)
    repaints = np.asarray(hole) > 0
    same = (np.asarray(upload) == np.asarray(hidden)).all(-1)
    assert same[~repaints].all()
    assert same[repaints].mean() < 0.01
    assert (np.asarray(upload) != np.asarray(seen)).any(-1).sum() == 1
