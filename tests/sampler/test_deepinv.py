"""Operators against deepinv's (https://deepinv.github.io), where both define the same map, if it is there.

No extra of pyproject.toml names it: what an extra asks for has to be in the lock, and this brings torchvision along.
Last run with deepinv 0.5.0.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sampler.constraints.blur import Blur
from sampler.constraints.colorize import LUMINANCE, Colorize
from sampler.constraints.mask import Mask
from sampler.constraints.super_resolution import SuperResolution

physics: Any = pytest.importorskip("deepinv.physics", reason="pip install deepinv torchvision")

X = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_mask_is_deepinvs_inpainting() -> None:
    known = (X[0, 0] > 0).double()
    theirs, ours = physics.Inpainting(img_size=(3, 32, 48), mask=known[None]), Mask(known)
    y = theirs.A(X)
    torch.testing.assert_close(ours.forward(X), y)
    torch.testing.assert_close(ours.adjoint(X), theirs.A_adjoint(X))
    torch.testing.assert_close(ours.pseudo_inverse(y), theirs.A_dagger(y))


@pytest.mark.parametrize(("weights", "tolerance"), [(LUMINANCE, 1e-6), ("rec601", 5e-4)])
def test_colorize_is_deepinvs_decolorizing(weights: Any, tolerance: float) -> None:
    """With our weights the maps are one, to the float32 that deepinv keeps them in.

    Its own for BT.601 are 0.29896, 0.58702 and 0.11405: up to 5e-5 from the standard's, and pixels here reach 4.
    """
    theirs, ours = physics.Decolorize(srf=weights), Colorize()
    y = theirs.A(X)
    torch.testing.assert_close(ours.forward(X), y, rtol=0, atol=tolerance)
    torch.testing.assert_close(ours.adjoint(y), theirs.A_adjoint(y), rtol=0, atol=tolerance)
    torch.testing.assert_close(ours.pseudo_inverse(y), theirs.A_dagger(y), rtol=0, atol=tolerance)


def test_blur_is_deepinvs_with_reflected_borders() -> None:
    kernel = X[0, 0, :5, :7].abs()
    kernel /= kernel.sum()
    theirs, ours = physics.Blur(filter=kernel[None, None], padding="reflect"), Blur(kernel)
    torch.testing.assert_close(ours.forward(X), theirs.A(X))
    torch.testing.assert_close(ours.adjoint(X), theirs.A_adjoint(X))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_area_is_deepinvs_downsampling_by_block_means(factor: int) -> None:
    mean = torch.full((1, 1, factor, factor), 1 / factor**2, dtype=torch.float64)
    theirs = physics.Downsampling(img_size=(3, 32, 48), filter=mean, factor=factor, padding="valid")
    ours = SuperResolution(factor, "area")
    y = theirs.A(X)
    torch.testing.assert_close(ours.forward(X), y)
    torch.testing.assert_close(ours.adjoint(y), theirs.A_adjoint(y))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bicubic_is_deepinvs_matlab_downsampling_away_from_the_borders(factor: int) -> None:
    """At the borders MATLAB continues the picture by its mirror image; ours, as Pillow, weighs what is there."""
    x = X.repeat(1, 1, 2, 2)
    theirs, ours = physics.DownsamplingMatlab(factor=factor), SuperResolution(factor, "bicubic")
    inside = (..., slice(2, -2), slice(2, -2))
    y = theirs.A(x)
    torch.testing.assert_close(ours.forward(x)[inside], y[inside])
    away = torch.zeros_like(y)
    away[inside] = y[inside]
    torch.testing.assert_close(ours.adjoint(away), theirs.A_adjoint(away))
