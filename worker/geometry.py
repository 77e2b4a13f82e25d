"""Where a picture of any size lies on the canvas that the network sees. Numbers only, no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from jobs.sizes import SMALLEST_SHARE

CANVAS_MULTIPLE_PX = 64
"""Sides of the canvas are multiples of this: a UNet halves latents (8 px a cell) three times."""

SMALLEST_CELLS = 4
"""Latent cells that the short side of a picture has at least, however long the other then is."""

CONTEXT_SHARE = 1.0
"""Context on each side of a hole, as a share of the hole's longer side."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """`(left, top, right, bottom)`, right and bottom exclusive, as Pillow takes them."""
        return self.left, self.top, self.left + self.width, self.top + self.height


@dataclass(frozen=True)
class Placement:
    """A window of the picture, scaled, lying on the canvas.

    `window` is in the picture's pixels, `scaled` is where it lies on the canvas of `canvas_width_px` times
    `canvas_height_px`. The rest of the canvas is padding. `scaled` starts at a whole latent cell.
    """

    window: Box
    scaled: Box
    canvas_width_px: int
    canvas_height_px: int


def place(width_px: int, height_px: int, native_px: int, cell_px: int, hole: Box | None = None) -> Placement:
    """Place a picture on a canvas for a model of native size `native_px` and latent cells of `cell_px`.

    A picture larger than native is scaled down until its longest side is native; one under 0.75 of it is enlarged to
    it; others keep their size. But the short side never gets fewer than four cells, or nothing of a strip would be
    known: its long side then exceeds native. When the picture is larger than native and `hole`, the box to be painted,
    is small, only a window around the hole is sampled: the hole with context of its own size on each side, and never
    less than native, so that the hole gets the resolution that the network has.
    """
    window = Box(0, 0, width_px, height_px)
    if hole is not None and max(width_px, height_px) > native_px:
        window = _window_around(hole, width_px, height_px, native_px)
    return lay(window, *_scaled(window.width, window.height, native_px, SMALLEST_CELLS * cell_px), cell_px)


def lay(window: Box, scaled_width_px: int, scaled_height_px: int, cell_px: int) -> Placement:
    """Lay a window of that scaled size in the middle of the smallest canvas that holds it, at a whole latent cell."""
    canvas_width, canvas_height = _padded(scaled_width_px), _padded(scaled_height_px)
    left = (canvas_width - scaled_width_px) // 2 // cell_px * cell_px
    top = (canvas_height - scaled_height_px) // 2 // cell_px * cell_px
    return Placement(window, Box(left, top, scaled_width_px, scaled_height_px), canvas_width, canvas_height)


def _window_around(hole: Box, width_px: int, height_px: int, native_px: int) -> Box:
    side = max(native_px, ceil(max(hole.width, hole.height) * (1 + 2 * CONTEXT_SHARE)))
    left, width = _span_around(hole.left, hole.width, side, width_px)
    top, height = _span_around(hole.top, hole.height, side, height_px)
    return Box(left, top, width, height)


def _span_around(start: int, length: int, wanted: int, limit: int) -> tuple[int, int]:
    """A span of `wanted` (at most `limit`) centred on `[start, start + length)`, shifted into `[0, limit)`."""
    size = min(wanted, limit)
    first = start + length // 2 - size // 2
    return min(max(first, 0), limit - size), size


def _scaled(width_px: int, height_px: int, native_px: int, smallest_px: int) -> tuple[int, int]:
    longest, shortest = max(width_px, height_px), min(width_px, height_px)
    if SMALLEST_SHARE * native_px <= longest <= native_px and shortest >= smallest_px:
        return width_px, height_px
    scale = max(native_px / longest, smallest_px / shortest)
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def _padded(side_px: int) -> int:
    return ceil(side_px / CANVAS_MULTIPLE_PX) * CANVAS_MULTIPLE_PX
