"""An upload of 100 kB: a picture, and the whole request that submits it, as bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from random import Random

import httpx
from PIL import Image

UPLOAD_BYTES = 100_000
PHOTO_PX = 512
QUALITIES = range(95, 10, -1)


def noise_png() -> bytes:
    """Nothing in it can be packed, so it has as few pixels as 100 kB can hold: the cheapest for who reads it."""
    side_px = int((UPLOAD_BYTES / 3) ** 0.5)
    noise = Random(0).randbytes(3 * side_px**2)
    return _encoded(Image.frombytes("RGB", (side_px, side_px), noise), "PNG")


def photo_jpeg() -> bytes:
    """As many details as a photograph of 512 px has, in the best quality that 100 kB allow."""
    coarse = Image.frombytes("RGB", (64, 64), Random(0).randbytes(3 * 64**2))
    picture = coarse.resize((PHOTO_PX, PHOTO_PX), Image.Resampling.BICUBIC)
    encoded = (_encoded(picture, "JPEG", quality=quality) for quality in QUALITIES)
    return next(one for one in encoded if len(one) <= UPLOAD_BYTES)


PICTURES: Mapping[str, Callable[[], bytes]] = {"png": noise_png, "jpeg": photo_jpeg}


def request(url: str, key: str, picture: str, steps: int) -> bytes:
    """Head and body of a submission of half a picture, as they go over the wire."""
    params = json.dumps({"task": "complete", "keep": "left", "steps": steps})
    files = {
        "params": ("params", params.encode(), "application/json"),
        "image": (f"image.{picture}", PICTURES[picture](), f"image/{picture}"),
    }
    made = httpx.Request("POST", f"{url}/v1/jobs", files=files, headers={"Authorization": f"Bearer {key}"})
    body = made.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in made.headers.items())
    return f"POST {made.url.raw_path.decode()} HTTP/1.1\r\n{head}\r\n".encode() + body


def _encoded(picture: Image.Image, name: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()
