"""Small pictures and masks to send."""

from __future__ import annotations

import base64
import io
from functools import cache
from typing import Any

from PIL import Image


def gradient(width: int = 96, height: int = 80, mode: str = "RGB") -> Image.Image:
    """A picture in which no two neighbours, rows or columns are alike."""
    image = Image.new("RGB", (width, height))
    image.putdata([((x * 5) % 256, (y * 3) % 256, (x * y) % 256) for y in range(height) for x in range(width)])
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def picture_png(width: int = 96, height: int = 80) -> bytes:
    return encoded(gradient(width, height))


def mask_image(width: int = 96, height: int = 80) -> Image.Image:
    """Black with a white box of a quarter of the area in the middle."""
    image = Image.new("L", (width, height))
    image.paste(255, (width // 4, height // 4, width - width // 4, height - height // 4))
    return image


@cache
def mask_png(width: int = 96, height: int = 80) -> bytes:
    return encoded(mask_image(width, height))


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
