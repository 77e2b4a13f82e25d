"""Random known regions: what a picture's mask may look like. 1 is known, 0 is the hole."""

from __future__ import annotations

import torch
from torch import Tensor


def side(size_px: int, which: str, fraction: float) -> Tensor:
    """Known (h, w): the `fraction` of the picture at its `left`, `right`, `top` or `bottom`."""
    known = torch.zeros(size_px, size_px)
    edge = round(size_px * fraction)
    if which == "left":
        known[:, :edge] = 1
    elif which == "right":
        known[:, size_px - edge :] = 1
    elif which == "top":
        known[:edge] = 1
    else:
        known[size_px - edge :] = 1
    return known


def box(size_px: int, x_px: int, y_px: int, width_px: int, height_px: int) -> Tensor:
    """Known (h, w): all but one box."""
    known = torch.ones(size_px, size_px)
    known[y_px : y_px + height_px, x_px : x_px + width_px] = 0
    return known


def strokes(size_px: int, count: int) -> Tensor:
    """Known (h, w): all but `count` thick random strokes."""
    known = torch.ones(size_px, size_px)
    rows = torch.arange(size_px).view(-1, 1)
    columns = torch.arange(size_px).view(1, -1)
    for _ in range(count):
        start, end = torch.rand(2) * size_px, torch.rand(2) * size_px
        radius = size_px * (0.04 + 0.06 * torch.rand(()))
        span = end - start
        along = ((rows - start[0]) * span[0] + (columns - start[1]) * span[1]) / span.square().sum().clamp(min=1)
        along = along.clamp(0, 1)
        near = (rows - start[0] - along * span[0]).square() + (columns - start[1] - along * span[1]).square()
        known[near < radius**2] = 0
    return known


def random_known(size_px: int) -> Tensor:
    """One of: a side with a random fraction, a box, a few strokes (drawn from torch's global generator)."""
    kind = torch.randint(3, ()).item()
    if kind == 0:
        which = ("left", "right", "top", "bottom")[int(torch.randint(4, ()))]
        return side(size_px, which, 0.2 + 0.6 * torch.rand(()).item())
    if kind == 1:
        width, height = (int(size_px * (0.2 + 0.5 * torch.rand(()).item())) for _ in range(2))
        x = int(torch.randint(size_px - width + 1, ()))
        y = int(torch.randint(size_px - height + 1, ()))
        return box(size_px, x, y, width, height)
    return strokes(size_px, 1 + int(torch.randint(4, ())))
