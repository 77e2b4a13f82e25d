"""Pictures to the tensors that the network sees, and back. Nothing of the hole ever reaches the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sampler.fill import extend_border
from worker.geometry import Placement
from worker.images import not_kept


@dataclass(frozen=True, eq=False)
class Canvas:
    """What is known, on the canvas.

    `image` (3, H, W) float32 in [-1, 1], the unknown filled from the border of the known; `known` (H, W) float32, 1
    where a pixel is known and 0 elsewhere.
    """

    image: Tensor
    known: Tensor


def to_canvas(picture: Image.Image, mask: Image.Image, placement: Placement) -> Canvas:
    """Cut out the window, blank the hole, scale, lay it on the canvas and fill what is unknown.

    The hole is blanked before anything is scaled, so that no resampling kernel carries it into known pixels; a scaled
    pixel counts as known only if every pixel under its kernel is. Padding is unknown. If nothing is known at the
    canvas's size, as with a mask that leaves only specks, the image is grey.
    """
    window = picture.crop(placement.window.corners)
    hole = not_kept(mask.crop(placement.window.corners))
    window.paste((0, 0, 0), (0, 0), hole)
    size = placement.scaled.width, placement.scaled.height
    if size != window.size:
        shrinks = size[0] < window.width
        # Kernels of equal reach, one (scaled) pixel, for the picture and its mask.
        window = window.resize(size, Image.Resampling.HAMMING if shrinks else Image.Resampling.BILINEAR)
        hole = hole.resize(size, Image.Resampling.BILINEAR)
    left, top, right, bottom = placement.scaled.corners
    image = torch.zeros(3, placement.canvas_height_px, placement.canvas_width_px)
    known = torch.zeros(image.shape[1:])
    image[:, top:bottom, left:right] = to_image(window)
    known[top:bottom, left:right] = torch.from_numpy(np.array(hole)) == 0
    return Canvas(extend_border(image, known) if bool(known.any()) else torch.zeros_like(image), known)


def from_canvas(image: Tensor, placement: Placement) -> Image.Image:
    """(3, H, W) about [-1, 1] to the picture of the window, in the window's own size."""
    left, top, right, bottom = placement.scaled.corners
    picture = to_picture(image[:, top:bottom, left:right])
    size = placement.window.width, placement.window.height
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def to_image(picture: Image.Image) -> Tensor:
    """An RGB picture as (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).to(torch.float32) / 127.5 - 1.0


def to_picture(image: Tensor) -> Image.Image:
    """(3, H, W) about [-1, 1] as the RGB picture of 8 bits that is nearest."""
    pixels = image.clamp(-1.0, 1.0).add(1.0).mul(127.5).round()
    return Image.fromarray(pixels.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy())
