"""Held-out scenes as uploads, and results compared with the truth."""

from __future__ import annotations

import io
from math import inf, log10

import numpy as np
from PIL import Image

from training.scenes import make_scene

HELD_OUT = 5_000
"""Scenes of these tests; the benchmarks take theirs from 0 on, training from 1,000,000,000 on."""


def scene(number: int, kind: str) -> tuple[str, Image.Image]:
    """Caption and picture of a held-out scene."""
    described, picture = make_scene(HELD_OUT + number, kind)
    return described.caption, picture


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def half_masked(picture: Image.Image) -> Image.Image:
    """The picture with its right half wiped: what a user who has only the left half would send."""
    wiped = picture.copy()
    wiped.paste((255, 0, 255), (picture.width // 2, 0, picture.width, picture.height))
    return wiped


def opened(data: bytes) -> Image.Image:
    """A result file as a picture."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def same_pixels(one: Image.Image, other: Image.Image, corners: tuple[int, int, int, int]) -> bool:
    """Whether both show the same bytes inside `corners`."""
    return one.crop(corners).tobytes() == other.crop(corners).tobytes()


def largest_difference(one: Image.Image, other: Image.Image) -> int:
    """Largest difference of an 8-bit value."""
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio of all 8-bit values, in decibels; infinite for equal pictures."""
    error = float(np.square(np.asarray(one, float) - np.asarray(other, float)).mean())
    return 10 * log10(255**2 / error) if error else inf
