"""LPIPS and FID for photographs: measured where their packages and weights are there, said to be absent otherwise.

Neither is a dependency: both come with networks of their own. `pip install lpips pytorch-fid` brings them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.measures.frechet import frechet_distance

ABSENT = (ImportError, OSError, RuntimeError)
"""What a missing package, or weights that cannot be fetched or read, raise."""


@dataclass(frozen=True)
class Perceptual:
    """LPIPS (mean) and FID of restored pictures against the true ones; None with a reason in `absent`."""

    lpips: float | None
    fid: float | None
    absent: tuple[str, ...]


def perceptual(pictures: Sequence[Image.Image], truths: Sequence[Image.Image]) -> Perceptual:
    """Measure whole pictures, as the paper does. Pairs must have one size."""
    absent = []
    lpips = fid = None
    try:
        lpips = mean_lpips(pictures, truths)
    except ABSENT as error:
        absent.append(f"LPIPS not measured: {_line(error)}")
    try:
        fid = inception_distance(pictures, truths)
    except (*ABSENT, ValueError) as error:
        absent.append(f"FID not measured: {_line(error)}")
    return Perceptual(lpips, fid, tuple(absent))


@torch.no_grad()
def mean_lpips(pictures: Sequence[Image.Image], truths: Sequence[Image.Image]) -> float:
    """Zhang et al. 2018 (arXiv 1801.03924) with its AlexNet. Raises `ImportError` or `OSError` when it is not there."""
    network: Any = import_module("lpips").LPIPS(net="alex", verbose=False).eval()
    pairs = zip(pictures, truths, strict=True)
    distances = [float(network(2 * _unit(one) - 1, 2 * _unit(other) - 1)) for one, other in pairs]
    return sum(distances) / len(distances)


@torch.no_grad()
def inception_distance(pictures: Sequence[Image.Image], truths: Sequence[Image.Image]) -> float:
    """Fréchet distance of Inception's 2048 features, with the weights that FID is defined by (arXiv 1706.08500)."""
    inception: Any = import_module("pytorch_fid.inception").InceptionV3([3]).eval()

    def features(some: Sequence[Image.Image]) -> Tensor:
        return torch.cat([inception(_unit(picture))[0].flatten(1) for picture in some])

    return frechet_distance(features(pictures), features(truths))


def _unit(picture: Image.Image) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].to(torch.float32) / 255


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
