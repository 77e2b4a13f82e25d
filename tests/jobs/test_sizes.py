from __future__ import annotations

import pytest

from jobs.sizes import beyond_model, blur_radius_px, network_factor, result_size
from jobs.spec import ColorizeSpec, DeblurSpec, OutpaintSpec, UpscaleSpec


def test_only_outpaint_and_upscale_change_the_size() -> None:
    assert result_size(OutpaintSpec(left_px=1, right_px=2, top_px=30, bottom_px=40), 100, 80) == (103, 150)
    assert result_size(UpscaleSpec(factor=4), 100, 80) == (400, 320)
    assert result_size(ColorizeSpec(), 100, 80) == (100, 80)


@pytest.mark.parametrize(
    ("longest_px", "factor", "drawn"),
    [
        (64, 2, 2),  # fills a model of 128 px
        (32, 4, 4),
        (16, 8, 8),
        (32, 2, 4),  # too small for it: drawn larger, and made smaller
        (16, 2, 8),
        (64, 4, 2),  # too large for it: drawn smaller, and interpolated
        (64, 8, 2),
        (32, 8, 4),
        (65, 2, 2),  # leaves no choice
        (128, 8, 2),
    ],
)
def test_the_network_draws_at_its_own_size_where_it_can(longest_px: int, factor: int, drawn: int) -> None:
    assert network_factor(longest_px, factor, 128) == drawn


def test_a_picture_larger_than_the_model_cannot_be_upscaled_by_it() -> None:
    assert beyond_model(UpscaleSpec(), 128, 64, 128) is None
    beyond = beyond_model(UpscaleSpec(), 64, 129, 128)
    assert beyond is not None
    assert beyond[0] == "image"
    assert "129" in beyond[1]
    assert beyond_model(ColorizeSpec(), 4000, 3000, 128) is None


def test_a_blur_that_vanishes_at_the_models_size_cannot_be_undone() -> None:
    assert beyond_model(DeblurSpec(sigma_px=2.0), 512, 300, 128) is None
    sigma = beyond_model(DeblurSpec(sigma_px=1.9), 512, 300, 128)
    length = beyond_model(DeblurSpec(kernel="motion", length_px=6.0), 512, 300, 128)
    assert (sigma or ("",))[0] == "sigma_px"
    assert (length or ("",))[0] == "length_px"
    assert beyond_model(DeblurSpec(kernel="motion", length_px=7.0), 512, 300, 128) is None
    assert beyond_model(DeblurSpec(sigma_px=0.5), 100, 100, 128) is None


def test_kernels_reach_as_far_as_they_are_cut_off() -> None:
    assert blur_radius_px(DeblurSpec(sigma_px=2.6)) == 11
    assert blur_radius_px(DeblurSpec(kernel="motion", length_px=9.0)) == 5
