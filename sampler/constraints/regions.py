"""Which pixels are known, as (H, W) float32 masks: 1 known, 0 unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from torch import Tensor

from sampler.constraints.linear import require_picture

Side = Literal["left", "right", "top", "bottom"]


def complete(height_px: int, width_px: int, keep: Side, fraction: float) -> Tensor:
    """The known pixels (H, W) when one side of the picture is kept and the rest is to be painted.

    `fraction` in (0, 1) is the kept share of the width for "left" and "right", of the height for "top" and "bottom",
    rounded to whole pixels but leaving at least one pixel known and one unknown. Raises `ValueError` for other
    fractions, and for a picture with fewer than two pixels along the cut.
    """
    along_px = width_px if keep in ("left", "right") else height_px
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"the kept fraction must lie in (0, 1), not {fraction}")
    if min(height_px, width_px) < 1 or along_px < 2:
        raise ValueError(f"{width_px}×{height_px} pixels cannot be cut in two")
    kept_px = min(max(round(fraction * along_px), 1), along_px - 1)
    known = torch.zeros(height_px, width_px)
    match keep:
        case "left":
            known[:, :kept_px] = 1
        case "right":
            known[:, width_px - kept_px :] = 1
        case "top":
            known[:kept_px] = 1
        case "bottom":
            known[height_px - kept_px :] = 1
        case _:
            assert_never(keep)
    return known


@dataclass(frozen=True)
class Margins:
    """Pixels to add on each side of a picture. Raises `ValueError` for a negative number, or if all are 0."""

    left_px: int = 0
    top_px: int = 0
    right_px: int = 0
    bottom_px: int = 0

    def __post_init__(self) -> None:
        sides = (self.left_px, self.top_px, self.right_px, self.bottom_px)
        if min(sides) < 0 or not any(sides):
            raise ValueError(f"margins must not be negative, and one must be positive: {sides}")


@dataclass(frozen=True, eq=False)
class Outpainting:
    """A picture on a larger canvas: its upper left corner lies at (`left_px`, `top_px`).

    `known` (H, W) of the canvas is 1 under the picture and 0 in the margins.
    """

    known: Tensor
    left_px: int
    top_px: int
    picture_height_px: int
    picture_width_px: int

    @property
    def canvas_height_px(self) -> int:
        """Height of the canvas."""
        return self.known.shape[0]

    @property
    def canvas_width_px(self) -> int:
        """Width of the canvas."""
        return self.known.shape[1]

    def lay(self, picture: Tensor) -> Tensor:
        """The picture (..., C, h, w) on its canvas (..., C, H, W), whose margins are 0.

        Raises `ValueError` if the picture is of another size.
        """
        require_picture(picture)
        if picture.shape[-2:] != (self.picture_height_px, self.picture_width_px):
            raise ValueError(
                f"a picture {tuple(picture.shape)} is not of {self.picture_width_px}×{self.picture_height_px} pixels"
            )
        canvas = picture.new_zeros(*picture.shape[:-2], *self.known.shape)
        self.cut(canvas).copy_(picture)
        return canvas

    def cut(self, canvas: Tensor) -> Tensor:
        """The part of a canvas (..., H, W) under the picture, as a view (..., h, w)."""
        below, right = self.top_px + self.picture_height_px, self.left_px + self.picture_width_px
        return canvas[..., self.top_px : below, self.left_px : right]


def outpaint(height_px: int, width_px: int, margins: Margins, multiple_px: int = 1) -> Outpainting:
    """The canvas of a picture that grows by `margins`.

    A model whose sides must be multiples of `multiple_px` gets a canvas enlarged to them on the right and at the
    bottom; what is beyond the margins can be cut off afterwards. Raises `ValueError` for sizes or a multiple below 1.
    """
    if min(height_px, width_px, multiple_px) < 1:
        raise ValueError("sizes and their multiple must be at least 1 pixel")
    canvas_height_px = _rounded_up(margins.top_px + height_px + margins.bottom_px, multiple_px)
    canvas_width_px = _rounded_up(margins.left_px + width_px + margins.right_px, multiple_px)
    known = torch.zeros(canvas_height_px, canvas_width_px)
    known[margins.top_px : margins.top_px + height_px, margins.left_px : margins.left_px + width_px] = 1
    return Outpainting(known, margins.left_px, margins.top_px, height_px, width_px)


def _rounded_up(length_px: int, multiple_px: int) -> int:
    return -(-length_px // multiple_px) * multiple_px
