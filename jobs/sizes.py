"""How large a job's result is, and what a model of a native size cannot do. Numbers only, no pixels."""

from __future__ import annotations

from math import ceil

from jobs.spec import FACTORS, AnySpec, DeblurSpec, OutpaintSpec, UpscaleSpec

SMALLEST_SHARE = 0.75
"""Of the native size: pictures with a shorter longest side are enlarged for the network."""

FINEST_BLUR_PX = 0.5
"""At the network's size: under half a pixel of it a blur cannot be told from none."""

LINE_WIDTH = 12**-0.5
"""Standard deviation of an even line, as a share of its length."""

GAUSSIAN_REACH = 4
"""Standard deviations after which a Gaussian is cut off."""


def result_size(spec: AnySpec, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the result for an upload of that size."""
    if isinstance(spec, UpscaleSpec):
        return width_px * spec.factor, height_px * spec.factor
    if isinstance(spec, OutpaintSpec):
        return width_px + spec.left_px + spec.right_px, height_px + spec.top_px + spec.bottom_px
    return width_px, height_px


def network_factor(longest_px: int, factor: int, native_px: int) -> int:
    """The factor by which a small picture is enlarged for the network; the rest of `factor` is made without it.

    The smallest that is at least `factor` and fills three quarters of the native size; else the largest whose result is
    no larger than native: four times a 64 px picture is drawn better as twice, at 128 px, and interpolated than at 256
    px by a model of 128 px (33.2 against 30.8 dB on a scene, bicubic 29.7). A picture of more than half the native size
    leaves no choice but twice. `longest_px`, its longer side, is at most `native_px`.
    """
    within = [one for one in FACTORS if one * longest_px <= native_px]
    filling = [one for one in within if one >= factor and one * longest_px >= SMALLEST_SHARE * native_px]
    return min(filling, default=max(within, default=FACTORS[0]))


def blur_radius_px(spec: DeblurSpec) -> int:
    """How far the kernel reaches to each side, at most."""
    size_px = GAUSSIAN_REACH * spec.sigma_px if spec.sigma_px is not None else (spec.length_px or 0.0) / 2
    return ceil(size_px)


def beyond_model(spec: AnySpec, width_px: int, height_px: int, native_px: int) -> tuple[str, str] | None:
    """The field and the reason why a model of that native size has nothing to add to the upload; None if it has."""
    longest_px = max(width_px, height_px)
    if isinstance(spec, UpscaleSpec) and longest_px > native_px:
        return "image", f"The model draws {native_px} pixels a side: a picture of {longest_px} gains nothing from it."
    if isinstance(spec, DeblurSpec) and longest_px > native_px:
        name, size_px = ("sigma_px", spec.sigma_px) if spec.sigma_px is not None else ("length_px", spec.length_px)
        width_of_blur = (size_px or 0.0) * (1.0 if name == "sigma_px" else LINE_WIDTH) * native_px / longest_px
        if width_of_blur < FINEST_BLUR_PX:
            return name, f"At {native_px} pixels a side, the model's size, this blur is no longer seen."
    return None
