"""Reductions as Pillow makes them, and what their pseudo-inverses promise on a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sampler.constraints.super_resolution import FACTORS, Kernel, SuperResolution
from training.scenes import make_scene

PICTURE = make_scene(3)[1].crop((0, 0, 128, 96))
RESAMPLING: dict[Kernel, Image.Resampling] = {"area": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC}
each_factor = pytest.mark.parametrize("factor", FACTORS)
each_kernel = pytest.mark.parametrize("kernel", RESAMPLING)


def levels(picture: Image.Image) -> Tensor:
    """(3, H, W) float64, 0 … 255."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).double()


@each_factor
@each_kernel
def test_reduces_as_pillow_does_in_floating_point(factor: int, kernel: Kernel) -> None:
    reduced = SuperResolution(factor, kernel).forward(levels(PICTURE))
    size = PICTURE.width // factor, PICTURE.height // factor
    for plane, expected in zip(PICTURE.split(), reduced, strict=True):
        pillows = np.array(plane.convert("F").resize(size, RESAMPLING[kernel]))
        assert float((torch.from_numpy(pillows) - expected).abs().max()) < 1e-3


@each_factor
@each_kernel
def test_reduces_as_pillow_does_in_8_bits_up_to_its_two_roundings(factor: int, kernel: Kernel) -> None:
    soft = PICTURE.point([64 + level // 2 for level in range(256)] * 3)  # overshoot is not clipped between the passes
    size = PICTURE.width // factor, PICTURE.height // factor
    pillows = levels(soft.resize(size, RESAMPLING[kernel]))
    reduced = SuperResolution(factor, kernel).forward(levels(soft))
    assert float((pillows - reduced).abs().max()) <= 1.2


@each_factor
def test_area_is_pillows_reduce(factor: int) -> None:
    pillows = levels(PICTURE.reduce(factor))
    assert float((pillows - SuperResolution(factor, "area").forward(levels(PICTURE))).abs().max()) <= 0.51


@each_factor
def test_the_enlargement_of_least_norm_under_area_repeats_pixels(factor: int) -> None:
    small = levels(PICTURE.reduce(factor))
    expected = small.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    torch.testing.assert_close(SuperResolution(factor, "area").pseudo_inverse(small), expected)


@each_factor
@each_kernel
def test_a_flat_picture_stays_flat_up_to_its_border(factor: int, kernel: Kernel) -> None:
    flat = torch.full((3, 32, 48), 0.7)
    small = SuperResolution(factor, kernel).forward(flat)
    torch.testing.assert_close(small, torch.full_like(small, 0.7))


@each_factor
@each_kernel
def test_single_precision_enlarges_a_picture_of_512_pixels_exactly(factor: int, kernel: Kernel) -> None:
    operator = SuperResolution(factor, kernel)
    small = torch.rand(3, 512 // factor, 256 // factor, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(operator.forward(operator.pseudo_inverse(small)), small, rtol=0, atol=2e-5)


def test_a_first_use_in_inference_mode_does_not_hinder_gradients_later() -> None:
    operator, image = SuperResolution(2, "bicubic"), torch.ones(3, 34, 38)  # a size that no other test uses
    with torch.inference_mode():
        operator.pseudo_inverse(operator.forward(image))
    image.requires_grad_(True)
    projected = operator.pseudo_inverse(operator.forward(image))
    (gradient,) = torch.autograd.grad(projected.sum(), image)
    torch.testing.assert_close(gradient, projected, rtol=0, atol=1e-5)  # a symmetric projection, and `image` is ones


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="factor"):
        SuperResolution(3, "area")
    with pytest.raises(ValueError, match="kernel"):
        SuperResolution(2, "lanczos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multiple of 4"):
        SuperResolution(4, "area").forward(torch.zeros(3, 16, 18))
