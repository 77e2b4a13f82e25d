"""Parameters with values that they must not have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.app.hostile.requests import Hostile, form, json_request
from tests.app.pictures import base64_text, picture_png

BAD_VALUES: dict[str, list[Any]] = {
    "task": ["", "Complete", "teleport", None, 1, ["complete"], {}],
    "keep": ["", "middle", "LEFT", None, 0],
    "fraction": [0, 0.05, 0.95, 1, -0.5, "half", None, True, [0.5]],
    "steps": [0, 101, -1, 1.5, "many", None, True, [], {}, 10**30],
    "inner_steps": [-1, 21, 0.5, None],
    "guidance_scale": [0.99, 21, -1, "high", None],
    "seed": [-1, 2**63, 1.5, "x", [7]],
    "n": [0, 9, 2.5, None],
    "prompt": ["p" * 2001, None, 5, ["a"], "\u0007"],
    "negative_prompt": ["p" * 100_000, None],
    "model": ["m" * 201, 5, "", "../../etc/passwd"],
    "output": [None, "png", {"format": "gif"}, {"quality": 0}, {"quality": 101}, {"size": 1}, []],
    "preserve_known": [None, "maybe", 2],
    "mask_feather_px": [-1, 65, 1.5],
    "deadline_s": [0, -5, 3601, "soon"],
    "metadata": [None, [], {"a": 1}, {"": "x"}, {"k" * 65: "v"}, {"k": "v" * 513}, {str(i): "v" for i in range(17)}],
    "mask_polarity": ["white_repaints"],
    "mask_resize": [True],
    "width_px": [128],
    "webhook_url": ["http://localhost/"],
}


def bad_parameters() -> Iterator[Hostile]:
    """Each parameter of `complete` with values that it must not have; as JSON, and as a form where that is possible."""
    picture = base64_text(picture_png())
    for name, values in BAD_VALUES.items():
        for index, value in enumerate(values):
            body = {"task": "complete", "image": picture} | {name: value}
            yield json_request(f"parameter {name} {index}", json.dumps(body).encode())
            if isinstance(value, str | int | float) and not isinstance(value, bool) and name != "prompt":
                parts: list[tuple[str, str | None, bytes]] = [
                    ("task", None, b"complete"),
                    (name, None, str(value).encode()),
                    ("image", "x.png", picture_png()),
                ]
                yield form(f"parameter {name} {index} in a form", parts[name == "task" :])
    for text in ("nan", "inf", "-inf", "", "0x10", "1e999"):
        parts = [("task", None, b"complete"), ("guidance_scale", None, text.encode()), ("image", "x", picture_png())]
        yield form(f"guidance_scale {text!r} in a form", parts)
    for name, value in [("width_px", 63), ("height_px", 2049), ("width_px", 100.5), ("keep", "left")]:
        yield json_request(f"generate with {name} {value}", json.dumps({"task": "generate", name: value}).encode())
