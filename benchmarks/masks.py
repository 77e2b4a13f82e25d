"""The masks of the quality benchmark, as the service takes them: `L`, 255 is painted anew and 0 kept."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.drawing import SIZE_PX
from training.masks import box, side, strokes

MASKS = ("half_left", "half_right", "half_top", "half_bottom", "quarter_left", "box", "strokes", "cells")
CELL_PX = 8
STROKES = 3


def make_mask(name: str, seed: int, size_px: int = SIZE_PX) -> Image.Image:
    """The mask `name` for a square picture whose side is a multiple of 8 pixels.

    `half_left` and `quarter_left` say what is known, `box` is an unknown box in the middle with half the sides.
    `strokes` are three thick unknown strokes, `cells` are squares of 8×8 pixels of which each is unknown with even
    odds: both drawn from `seed`. Raises `ValueError` for another name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        known = _known(name, size_px)
    return Image.fromarray(((1 - known) * 255).to(torch.uint8).numpy().astype(np.uint8))


def _known(name: str, size_px: int) -> Tensor:
    """(size_px, size_px) float32, 1 known."""
    if name not in MASKS:
        raise ValueError(f"no mask is called {name}")
    shape, _, which = name.partition("_")
    if shape == "half":
        return side(size_px, which, 0.5)
    if shape == "quarter":
        return side(size_px, which, 0.25)
    if shape == "box":
        return box(size_px, size_px // 4, size_px // 4, size_px // 2, size_px // 2)
    if shape == "strokes":
        return strokes(size_px, STROKES)
    cells = torch.rand(size_px // CELL_PX, size_px // CELL_PX) < 0.5
    return cells.float().repeat_interleave(CELL_PX, 0).repeat_interleave(CELL_PX, 1)
