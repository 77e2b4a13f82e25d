"""What callers ask for: jobs drawn from a seed and their number, so that a run can be repeated."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Literal

import numpy as np
from PIL import Image

Fate = Literal["kept", "canceled", "deleted"]

CALLERS = ("alice", "bob", "carol", "dave")
PICTURES = 8
SIDE_PX = 64


@dataclass(frozen=True)
class Order:
    """One job to submit: `params` as the API takes them, files by field, and what its caller does `later_s` after."""

    number: int
    caller: str
    params: dict[str, Any]
    files: tuple[str, ...]
    picture: int
    fate: Fate
    later_s: float

    def parts(self) -> dict[str, tuple[str, bytes, str]]:
        """The multipart body."""
        body = {"params": ("params", json.dumps(self.params).encode(), "application/json")}
        return body | {
            name: (f"{name}.png", mask_png() if name == "mask" else picture_png(self.picture), "image/png")
            for name in self.files
        }


def order(seed: int, number: int) -> Order:
    """Order `number` of a run: every task, one to three pictures, short jobs and a few long ones.

    No long deblurring: undoing a blur amplifies, and a random network does not damp it. In thirty steps, decoded
    estimates changed by 1e-6 of their values end 30 levels apart, so one sampled in company, which rounds differently,
    says nothing.
    """
    draw = Random(f"{seed}/{number}")
    params, files = _task(draw)
    long = draw.random() < 0.08 and params["task"] != "deblur"
    params |= {
        "steps": draw.randint(40, 80) if long else draw.randint(1, 3),
        "inner_steps": 1,
        "solver": draw.choice(["default", "default", "newton"]),
        "guidance_scale": draw.choice([1.0, 1.0, 2.5]),
        "seed": draw.randrange(2**32),
        "n": draw.choice([1, 1, 1, 2, 3]),
        "prompt": draw.choice(["", "a red butterfly", "two yellow flowers"]),
        "priority": draw.choice(["normal", "normal", "normal", "high"]),
    }
    fate: Fate = draw.choices(["kept", "canceled", "deleted"], [0.8, 0.12, 0.08])[0]  # type: ignore[assignment]
    return Order(number, draw.choice(CALLERS), params, files, draw.randrange(PICTURES), fate, draw.expovariate(1.0))


def _task(draw: Random) -> tuple[dict[str, Any], tuple[str, ...]]:
    tasks: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"task": "complete", "keep": draw.choice(["left", "top"]), "fraction": 0.5}, ("image",)),
        ({"task": "inpaint", "mask_feather_px": draw.choice([0, 4])}, ("image", "mask")),
        ({"task": "outpaint", "left_px": 16}, ("image",)),
        ({"task": "upscale", "factor": 2}, ("image",)),
        ({"task": "colorize"}, ("image",)),
        ({"task": "deblur", "kernel": "gaussian", "sigma_px": 2.0}, ("image",)),
        ({"task": "generate", "width_px": SIDE_PX, "height_px": SIDE_PX}, ()),
    ]
    params, files = draw.choice(tasks)
    return dict(params), files


@cache
def picture_png(number: int) -> bytes:
    """A smooth picture, which stays within 8 bits when it is enlarged or sharpened."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    planes = [100 + 50 * np.sin(x / 9 + phase + number) + 40 * np.cos(y / 7 - phase) for phase in (0.0, 1.0, 2.0)]
    return _png(Image.fromarray(np.stack(planes, -1).round().astype(np.uint8)))


@cache
def mask_png() -> bytes:
    mask = Image.new("L", (SIDE_PX, SIDE_PX), 0)
    mask.paste(255, (SIDE_PX // 2, 8, SIDE_PX - 8, SIDE_PX - 8))
    return _png(mask)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
