"""Before encoding: the hole filled from its border, and the mask of pixels turned into a mask of latent cells.

A hole must not reach the known latents: not its own pixels, which are the answer (leakage), and no foreign grey, which
bends the latents beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def extend_border(image: Tensor, known: Tensor) -> Tensor:
    """Fill the unknown pixels from the known ones around them.

    `image` (c, H, W) float, `known` (H, W) in [0, 1], where 0 is unknown and to be filled; returns a new (c, H, W). A
    pixel becomes the mean of the nearest known pixels to its left, right, above and below, weighted by 1 / distance^2:
    beside a straight border that repeats the edge, and a hole in the middle blends its sides. Pixels with nothing known
    in their row and column are filled from those filled before. The result does not depend, to the last bit, on what
    the hole holds. Raises `ValueError` for mismatched shapes or if nothing is known.
    """
    if image.ndim != 3 or known.shape != image.shape[1:]:
        raise ValueError(f"known must be (H, W) for an image (c, H, W), not {tuple(known.shape)}, {tuple(image.shape)}")
    filled = known > 0
    if not bool(filled.any()):
        raise ValueError("nothing is known: there is no border to extend")
    extended = torch.where(filled, image, torch.zeros_like(image))
    while not bool(filled.all()):
        extended, filled = _extend_once(extended, filled)
    return extended


def known_cells(known: Tensor, factor: int) -> Tensor:
    """The mask of latent cells (H / factor, W / factor): each as known as the least known of its pixels.

    `known` (H, W) in [0, 1], 1 known. Raises `ValueError` unless both sides are multiples of `factor`.
    """
    height, width = known.shape
    if height % factor or width % factor:
        raise ValueError(f"{width}×{height} pixels are not a whole number of {factor}×{factor} cells")
    return known.reshape(height // factor, factor, width // factor, factor).amin(dim=(1, 3))


def _extend_once(image: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Fill every pixel that has a known one in its row or column; returns the image and what is known now."""
    values, weights = [], []
    for dim in (0, 1):
        for reverse in (False, True):
            nearest, distance = _nearest(known, dim, reverse)
            values.append(image.gather(dim + 1, nearest.clamp(min=0).expand_as(image)))
            weights.append(torch.where(nearest >= 0, distance.to(image) ** -2, 0.0))
    total = torch.stack(weights).sum(0)
    reached = total > 0
    blend = torch.zeros_like(image)
    for value, weight in zip(values, weights, strict=True):
        blend += weight / total.where(reached, 1.0) * value
    return torch.where(known, image, blend), known | reached


def _nearest(known: Tensor, dim: int, reverse: bool) -> tuple[Tensor, Tensor]:
    """Index along `dim` of the nearest known pixel before each (or after), -1 if none, and its distance, at least 1."""
    length = known.shape[dim]
    shape = (length, 1) if dim == 0 else (1, length)
    position = torch.arange(length, device=known.device).reshape(shape).expand_as(known)
    source = known.flip(dim) if reverse else known
    seen = torch.where(source, position, -1).cummax(dim).values
    distance = (position - seen).clamp(min=1)
    if reverse:
        seen, distance = torch.where(seen >= 0, length - 1 - seen, seen).flip(dim), distance.flip(dim)
    return seen, distance
