"""Fidelity in the hole and exactness outside, from 8-bit values."""

from __future__ import annotations

from math import log10

import numpy as np
from PIL import Image

LARGEST_PSNR_DB = 99.0


def hole_psnr_db(picture: Image.Image, truth: Image.Image, mask: Image.Image) -> float:
    """PSNR in dB over the pixels where `mask` is not 0, from 8-bit values; identical pixels give 99."""
    hole = np.asarray(mask) > 0
    error = np.asarray(picture, np.float64)[hole] - np.asarray(truth, np.float64)[hole]
    mse = float(np.square(error).mean())
    return min(LARGEST_PSNR_DB, 10 * log10(255**2 / mse)) if mse > 0 else LARGEST_PSNR_DB


def known_max_abs_diff(picture: Image.Image, truth: Image.Image, mask: Image.Image) -> int:
    """Largest difference of an 8-bit value where `mask` is 0."""
    known = np.asarray(mask) == 0
    difference = np.abs(np.asarray(picture, np.int16) - np.asarray(truth, np.int16))
    return int(difference[known].max(initial=0))
