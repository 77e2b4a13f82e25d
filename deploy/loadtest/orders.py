"""What is submitted for each task: one small picture and the parameters of the service's defaults."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
from PIL import Image, ImageDraw

SIDE_PX = 128

TASKS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "complete": ({"keep": "left", "fraction": 0.5}, ("image",)),
    "inpaint": ({}, ("image", "mask")),
    "outpaint": ({"left_px": 32}, ("image",)),
    "generate": ({"width_px": SIDE_PX, "height_px": SIDE_PX}, ()),
    "upscale": ({"factor": 2}, ("image",)),
    "colorize": ({}, ("image",)),
    "deblur": ({"kernel": "gaussian", "sigma_px": 2.0}, ("image",)),
}


@dataclass(frozen=True)
class Body:
    """A request body with its content type, made once and sent many times."""

    data: bytes
    content_type: str


def body(task: str, steps: int) -> Body:
    """The multipart body of a submission of `steps` denoising steps. The seed is the service's to choose."""
    params, files = TASKS[task]
    parts = {"params": ("params", json.dumps({"task": task, "steps": steps, **params}), "application/json")}
    pictures = {name: (f"{name}.png", mask_png() if name == "mask" else picture_png(), "image/png") for name in files}
    request = httpx.Request("POST", "http://unused", files={**parts, **pictures})
    return Body(request.read(), request.headers["Content-Type"])


def picture_png() -> bytes:
    """A smooth picture: what photographs are at this size."""
    picture = Image.linear_gradient("L").resize((SIDE_PX, SIDE_PX))
    turned = picture.rotate(90)
    return _png(Image.merge("RGB", (picture, turned, picture.rotate(180))))


def mask_png() -> bytes:
    """A hole in the middle."""
    mask = Image.new("L", (SIDE_PX, SIDE_PX), 0)
    quarter = SIDE_PX // 4
    ImageDraw.Draw(mask).rectangle((quarter, quarter, 3 * quarter, 3 * quarter), fill=255)
    return _png(mask)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
