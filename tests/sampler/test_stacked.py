"""Several operators on one picture."""

from __future__ import annotations

import pytest
import torch

from sampler.constraints.blur import Blur, gaussian_kernel
from sampler.constraints.colorize import Colorize
from sampler.constraints.mask import Mask
from sampler.constraints.regions import complete
from sampler.constraints.stacked import Stacked
from sampler.constraints.super_resolution import SuperResolution
from sampler.errors import DivergedError

SHAPE = (3, 16, 24)
X0 = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SMALL, LEFT = SuperResolution(4, "bicubic"), Mask(complete(16, 24, "left", 0.5))
BOTH = Stacked((SMALL, LEFT), SHAPE)


def test_measurements_are_joined_and_split_as_they_were() -> None:
    y = BOTH.forward(X0)
    assert y.shape == (3 * 4 * 6 + 3 * 16 * 24,)
    small, left = BOTH.split(y)
    assert torch.equal(small, SMALL.forward(X0))
    assert torch.equal(left, LEFT.forward(X0))
    assert torch.equal(BOTH.join([small, left]), y)


def test_one_image_meets_both_a_small_picture_and_known_pixels() -> None:
    image = BOTH.pseudo_inverse(BOTH.join([SMALL.forward(X0), LEFT.forward(X0)]))
    torch.testing.assert_close(SMALL.forward(image), SMALL.forward(X0), rtol=0, atol=1e-9)
    torch.testing.assert_close(LEFT.forward(image), LEFT.forward(X0), rtol=0, atol=1e-9)


def test_a_single_operator_keeps_its_own_pseudo_inverse() -> None:
    y = SMALL.forward(X0)
    alone = Stacked((SMALL,), SHAPE)
    torch.testing.assert_close(alone.pseudo_inverse(alone.join([y])), SMALL.pseudo_inverse(y))


def test_known_pixels_that_contradict_each_other_meet_in_the_middle_by_their_strength() -> None:
    weak, strong = Mask(torch.full((16, 24), 0.5)), Mask(torch.ones(16, 24))
    twice = Stacked((weak, strong), SHAPE)
    image = twice.pseudo_inverse(twice.join([weak.forward(torch.zeros_like(X0)), strong.forward(torch.ones_like(X0))]))
    torch.testing.assert_close(image, torch.full_like(X0, 1 / (1 + 0.25)))


def test_a_blur_among_the_operators_is_regularised_as_alone() -> None:
    blur = Blur(gaussian_kernel(1.0), 1e-2)
    stacked = Stacked((blur,), SHAPE, regularisation=1e-2)
    y = blur.forward(X0)
    torch.testing.assert_close(stacked.pseudo_inverse(stacked.join([y])), blur.pseudo_inverse(y))


def test_single_precision_comes_close_on_a_picture_of_128_pixels() -> None:
    shape = (3, 128, 128)
    stacked = Stacked((SuperResolution(8, "area"), Mask(complete(128, 128, "top", 0.3)), Colorize()), shape)
    y = stacked.forward(torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    torch.testing.assert_close(stacked.forward(stacked.pseudo_inverse(y)), y, rtol=0, atol=1e-4)


def test_a_measurement_that_is_not_finite_raises_instead_of_giving_a_picture() -> None:
    y = BOTH.forward(X0)
    y[5] = float("inf")
    with pytest.raises(DivergedError):
        BOTH.pseudo_inverse(y)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Stacked((), SHAPE)
    with pytest.raises(ValueError, match="regularisation"):
        Stacked((SMALL,), SHAPE, -1.0)
    with pytest.raises(ValueError, match="does not fit"):
        Stacked((SMALL, LEFT), (3, 8, 8))
    with pytest.raises(ValueError, match="expected images"):
        BOTH.forward(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="expected"):
        BOTH.adjoint(torch.zeros(7))
    with pytest.raises(ValueError, match="2 measurements"):
        BOTH.join([torch.zeros(3, 4, 6)])
    with pytest.raises(ValueError, match="expected a measurement"):
        BOTH.join([torch.zeros(3, 4, 6), torch.zeros(3, 4, 6)])
    with pytest.raises(ValueError, match="leading"):
        BOTH.join([torch.zeros(2, 3, 4, 6), torch.zeros(SHAPE)])
