"""Operators against deepinv's (https://deepinv.github.io), where both define the same map, if it is there."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sampler.constraints.blur import Blur
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
