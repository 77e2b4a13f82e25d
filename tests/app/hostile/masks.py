"""Masks that make no sense with their picture."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from tests.app.hostile.requests import Hostile, form, inpainting
from tests.app.pictures import encoded, gradient, mask_png, picture_png


def bad_masks() -> Iterator[Hostile]:
    """Masks that make no sense with their picture."""
    black, white = Image.new("L", (96, 80), 0), Image.new("L", (96, 80), 255)
    for mode in ("L", "RGB", "1", "P", "LA", "RGBA"):
        yield inpainting(f"empty mask in {mode}", encoded(black.convert(mode)))
        yield inpainting(f"full mask in {mode}", encoded(white.convert(mode)))
        yield inpainting(f"empty mask in {mode}, keep_white", encoded(white.convert(mode)), mask_polarity="keep_white")
        yield inpainting(f"full mask in {mode}, keep_white", encoded(black.convert(mode)), mask_polarity="keep_white")
    for width, height in [(95, 80), (96, 81), (80, 96), (192, 160), (64, 64)]:
        yield inpainting(f"mask of {width}x{height}", mask_png(width, height))
    yield inpainting("cut mask", mask_png()[:-30])
    task = ("task", None, b"inpaint")
    yield form("no mask and no alpha", [task, ("image", "x.png", picture_png())])
    for alpha in (0, 255):
        picture = gradient(mode="RGBA")
        picture.putalpha(alpha)
        yield form(f"alpha {alpha} all over", [task, ("image", "x.png", encoded(picture))])
    yield form("mask without picture", [task, ("mask", "m.png", mask_png())])
    extra = ("mask", "m.png", mask_png())
    yield form("mask for complete", [("task", None, b"complete"), ("image", "x.png", picture_png()), extra])
    yield form("picture for generate", [("task", None, b"generate"), ("image", "x.png", picture_png())])
