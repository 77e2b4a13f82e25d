"""Whether the hole's border shows: how much the gradient jumps there, against the same place in the truth.

Steps of brightness would not do: across the axis of a mirror-symmetric picture the true step is exactly 0. The jump of
the gradient is not, and a seam is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def seam(pictures: Sequence[Image.Image], truths: Sequence[Image.Image], masks: Sequence[Image.Image]) -> float | None:
    """Mean gradient jump across the masks' borders in the pictures, divided by the same in the truths.

    1 is as in the truth, more is a visible seam, less a border that was smoothed over. The means run over the borders
    of all pictures together, so that flat ones do not divide by nothing. None without a border, or if all truths are
    flat there.
    """
    of_truths = sum(border_jump(truth, mask) for truth, mask in zip(truths, masks, strict=True))
    of_pictures = sum(border_jump(picture, mask) for picture, mask in zip(pictures, masks, strict=True))
    return of_pictures / of_truths if of_truths > 0 else None


def border_jump(picture: Image.Image, mask: Image.Image) -> float:
    """Sum of gradient jumps, in 8-bit values, over all neighbours of which one is known (`mask` 0) and one is not.

    For pixels a, b, c, d in a row or column with the border between b and c: the mean of |a - 2b + c| and |b - 2c + d|
    over the channels. Neighbours that have no pixel behind them on both sides are left out.
    """
    hole = np.asarray(mask) > 0
    pixels = np.asarray(picture, np.float64)
    return _across(pixels, hole) + _across(pixels.swapaxes(0, 1), hole.T)


def _across(pixels: NDArray[np.float64], hole: NDArray[np.bool_]) -> float:
    """The sum over neighbours in rows; `pixels` (H, W, 3), `hole` (H, W)."""
    a, b, c, d = (pixels[:, start : pixels.shape[1] - 3 + start] for start in range(4))
    jump = (np.abs(a - 2 * b + c) + np.abs(b - 2 * c + d)).mean(-1) / 2
    border = hole[:, 1:-2] != hole[:, 2:-1]
    return float(jump[border].sum())
