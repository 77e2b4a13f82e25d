"""The masks of the quality benchmark, as the service takes them: `L`, 255 is painted anew and 0 kept."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from training.masks import box, side, strokes
from training.scenes import SIZE_PX

MASKS = ("half_left", "half_right", "half_top", "half_bottom", "quarter_left", "box", "strokes")


def make_mask(name: str, seed: int) -> Image.Image:
    """The mask `name`; `half_left` means that the left half is known. Random ones are drawn from `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        known = _known(name)
    return Image.fromarray(((1 - known) * 255).to(torch.uint8).numpy().astype(np.uint8))


def _known(name: str) -> torch.Tensor:
    shape, _, which = name.partition("_")
    if shape == "half":
        return side(SIZE_PX, which, 0.5)
    if shape == "quarter":
        return side(SIZE_PX, which, 0.25)
    if shape == "box":
        return box(SIZE_PX, SIZE_PX // 4, SIZE_PX // 4, SIZE_PX // 2, SIZE_PX // 2)
    return strokes(SIZE_PX, 3)
