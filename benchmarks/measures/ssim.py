"""Structural similarity in the hole (Wang et al. 2004, "Image quality assessment", eq. 13)."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

WINDOW_PX = 11
SIGMA_PX = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""The published constants for 8-bit values; they keep flat regions from dividing by nothing."""


def hole_ssim(picture: Image.Image, truth: Image.Image, mask: Image.Image) -> float:
    """Mean of the SSIM map over the pixels where `mask` is not 0, and over the channels; 1 for equal pictures.

    Gaussian window of 11 pixels, sigma 1.5, in float64, mirrored at the picture's edges. Windows near the hole's border
    also see known pixels: a seam lowers the value. The picture must have at least 6 pixels on each side.
    """
    hole = torch.from_numpy(np.asarray(mask) > 0)
    similarity = ssim_map(_planes(picture), _planes(truth))
    return float(similarity[:, hole].mean())


def ssim_map(x: Tensor, y: Tensor) -> Tensor:
    """SSIM at each pixel of two pictures (c, H, W) float64 in 0 … 255."""
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return alike / ((mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2))


def _blur(planes: Tensor) -> Tensor:
    reach = WINDOW_PX // 2
    offsets = torch.arange(-reach, reach + 1, dtype=planes.dtype)
    window = torch.exp(-(offsets**2) / (2 * SIGMA_PX**2))
    window /= window.sum()
    padded = functional.pad(planes[:, None], (reach,) * 4, mode="reflect")
    rows = functional.conv2d(padded, window.view(1, 1, 1, -1))
    return functional.conv2d(rows, window.view(1, 1, -1, 1))[:, 0]


def _planes(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture, np.float64)).permute(2, 0, 1)
