"""Blur with a known kernel, as a convolution written out and as what a photographer sees."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sampler.constraints.blur import Blur, gaussian_kernel, motion_kernel
from sampler.errors import DivergedError
from training.scenes import make_scene

IMAGE = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def lopsided() -> Tensor:
    kernel = torch.rand(5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return kernel / kernel.sum()


def test_is_the_convolution_of_the_reflected_picture() -> None:
    kernel = lopsided()
    reflected = functional.pad(IMAGE[None], (3, 3, 2, 2), mode="reflect")
    weights = kernel.flip(0, 1).expand(3, 1, -1, -1)
    torch.testing.assert_close(Blur(kernel).forward(IMAGE), functional.conv2d(reflected, weights, groups=3)[0])


def test_a_point_becomes_the_kernel() -> None:
    point, kernel = torch.zeros(1, 21, 21, dtype=torch.float64), lopsided()
    point[0, 10, 10] = 1
    torch.testing.assert_close(Blur(kernel).forward(point)[0, 8:13, 7:14], kernel)


@pytest.mark.parametrize(
    "kernel", [lopsided(), gaussian_kernel(3.0), motion_kernel(17, 45)], ids=["any", "soft", "moved"]
)
def test_a_flat_picture_stays_flat_up_to_its_border(kernel: Tensor) -> None:
    flat = torch.full((3, 20, 24), 0.7)
    torch.testing.assert_close(Blur(kernel).forward(flat), flat)


def test_a_kernel_of_one_pixel_changes_nothing() -> None:
    torch.testing.assert_close(Blur(torch.ones(1, 1)).forward(IMAGE), IMAGE)


def test_a_blurred_picture_of_8_bits_is_brought_closer_to_the_sharp_one() -> None:
    sharp = torch.from_numpy(np.array(make_scene(3)[1])).permute(2, 0, 1).float() / 127.5 - 1
    for kernel in (gaussian_kernel(1.0), gaussian_kernel(3.0), motion_kernel(15, 30)):
        blur = Blur(kernel)
        blurred = (blur.forward(sharp) * 127.5).round() / 127.5
        before, after = blurred - sharp, blur.pseudo_inverse(blurred) - sharp
        assert float(after.norm()) < 0.75 * float(before.norm())


@pytest.mark.parametrize("regularisation", [1e-1, 1e-2, 1e-3])
def test_noise_is_amplified_up_to_the_stated_factor_and_no_further(regularisation: float) -> None:
    basis = torch.eye(144, dtype=torch.float64).reshape(144, 1, 12, 12)
    pseudo_inverse = Blur(gaussian_kernel(1.5), regularisation).pseudo_inverse(basis).flatten(1)
    largest = float(torch.linalg.matrix_norm(pseudo_inverse, 2))
    assert 0.8 <= largest * 2 * sqrt(regularisation) <= 1 + 1e-9


def test_gaussian_has_its_standard_deviation() -> None:
    kernel = gaussian_kernel(2.0)
    offsets = torch.arange(kernel.shape[0], dtype=torch.float64) - kernel.shape[0] // 2
    assert kernel.shape == (17, 17)
    assert float(kernel.sum()) == pytest.approx(1.0)
    assert sqrt(float((kernel.sum(0) * offsets**2).sum())) == pytest.approx(2.0, rel=2e-3)


def test_motion_along_a_row_is_the_average_of_the_interpolated_row() -> None:
    expected = torch.tensor([[0.025, 0.175, 0.2, 0.2, 0.2, 0.175, 0.025]], dtype=torch.float64)
    torch.testing.assert_close(motion_kernel(5, 0), expected, rtol=0, atol=1e-4)


def test_motion_turns_anticlockwise_as_one_sees_it() -> None:
    kernel = motion_kernel(9, 30)
    top_right, top_left = kernel[0, kernel.shape[1] // 2 + 1 :], kernel[0, : kernel.shape[1] // 2]
    assert float(top_right.sum()) > 0
    assert float(top_left.sum()) == 0
    torch.testing.assert_close(motion_kernel(9, 90), motion_kernel(9, 0).T)
    torch.testing.assert_close(motion_kernel(9, 30 + 180), kernel)
    torch.testing.assert_close(motion_kernel(9, -30), kernel.flip(0))


def test_a_measurement_that_is_not_finite_raises_instead_of_giving_a_picture() -> None:
    broken = IMAGE.clone()
    broken[0, 3, 3] = float("nan")
    with pytest.raises(DivergedError):
        Blur(gaussian_kernel(1.0)).pseudo_inverse(broken)


@pytest.mark.parametrize(
    "kernel",
    [
        torch.ones(2, 3) / 6,
        torch.ones(3) / 3,
        torch.ones(3, 3),
        torch.tensor([[1.5, 0.0, -0.5]]),
        torch.full((1, 1), torch.nan),
    ],
    ids=["even", "flat", "unnormalised", "negative", "nan"],
)
def test_what_is_no_kernel_is_refused(kernel: Tensor) -> None:
    with pytest.raises(ValueError, match="kernel"):
        Blur(kernel)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="regularisation"):
        Blur(gaussian_kernel(1.0), 0.0)
    with pytest.raises(ValueError, match="too small"):
        Blur(gaussian_kernel(3.0)).forward(torch.zeros(3, 12, 64))
    with pytest.raises(ValueError, match="sigma_px"):
        gaussian_kernel(0.0)
    with pytest.raises(ValueError, match="length_px"):
        motion_kernel(-1.0, 0.0)
