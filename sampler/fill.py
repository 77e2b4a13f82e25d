"""Before encoding: the hole filled from its border, and the mask of pixels turned into a mask of latent cells.

A hole must not reach the known latents: not its own pixels, which are the answer (leakage), and no foreign grey, which
bends the latents beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEEPNESS = 8
"""How fast a border's weight falls with distance. Known latents suffer least from a fill that hardly blends: beside a
free-form hole their error was 0.31 with grey, 0.15 with a harmonic fill, 0.12, 0.10, 0.075, 0.071 at 1, 2, 4, 8."""


def extend_border(image: Tensor, known: Tensor) -> Tensor:
    """Fill the unknown pixels from the known ones around them.

    `image` (c, H, W) float, `known` (H, W) in [0, 1], where 0 is unknown and to be filled; returns a new (c, H, W). A
    pixel becomes the mean of the nearest known pixels to its left, right, above and below, weighted by distance^-8:
    beside a straight border that repeats the edge, and in the middle of a hole its sides blend. Pixels with nothing
    known in their row and column are filled from those filled before. The result does not depend, to the last bit, on
    what the hole holds. Raises `ValueError` for mismatched shapes or if nothing is known.
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
    sides = [_nearest(known, dim, reverse) for dim in (0, 1) for reverse in (False, True)]
    distances = torch.stack([distance for _, distance in sides]).to(image)
    closest = distances.amin(0)
    weights = torch.where(distances.isfinite(), (closest / distances) ** STEEPNESS, 0.0)
    reached = closest.isfinite()
    shares = weights / weights.sum(0).where(reached, 1.0)
    blend = torch.zeros_like(image)
    for (index, _), share, dim in zip(sides, shares, (1, 1, 2, 2), strict=True):
        blend += share * image.gather(dim, index.expand_as(image))
    return torch.where(known, image, blend), known | reached


def _nearest(known: Tensor, dim: int, reverse: bool) -> tuple[Tensor, Tensor]:
    """Index along `dim` of the nearest known pixel before each (or after), and its distance ≥ 1, infinite if none."""
    length = known.shape[dim]
    position = torch.arange(length, device=known.device).reshape((length, 1) if dim == 0 else (1, length))
    source = known.flip(dim) if reverse else known
    seen = torch.where(source, position, -1).cummax(dim).values
    distance = (position - seen).clamp(min=1).float().masked_fill(seen < 0, torch.inf)
    index = seen.clamp(min=0)
    return ((length - 1 - index).flip(dim), distance.flip(dim)) if reverse else (index, distance)
