"""Tasks whose upload measures every pixel of the result: `upscale`, `colorize`, `deblur`.

The sampler meets the measurement as well as the autoencoder can draw it, at the network's size; finished, the picture
is brought to the size that was asked for and to the measurement itself.
"""

from __future__ import annotations

from functools import partial

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from jobs.sizes import beyond_model, network_factor, result_size
from jobs.spec import ColorizeSpec, DeblurSpec, UpscaleSpec
from sampler.constraints.blur import Blur, gaussian_kernel, motion_kernel
from sampler.constraints.colorize import Colorize
from sampler.constraints.conjugate_gradient import conjugate_gradient
from sampler.constraints.decoded import DecodedConstraint
from sampler.constraints.linear import LinearOperator
from sampler.constraints.projection import make_consistent, residual_of
from sampler.constraints.super_resolution import SuperResolution
from worker.assignment import Assignment, Prepared
from worker.canvas import from_canvas, to_canvas, to_image, to_picture
from worker.errors import BeyondModel
from worker.geometry import Box, Placement, lay, place

MAX_ROUNDS = 50
"""Projections of a finished picture: a few do, unless it is full of values that 8 bits cannot hold."""

BAND_PX = 2**20
"""Pixels of a large picture that are coloured at a time: what is pointwise needs no whole picture in memory."""

DEBLURRING = 1e-2
"""Regularisation while sampling."""

LAST_DEBLURRING = 0.1
"""Of the last step, which no network follows. Blurred scenes saved as JPEG (quality 85) ended at 32.3 dB without the
step, at 33.1, 32.7 and 29.7 dB with 0.3, 0.1 and 0.01; those saved as PNG at 32.3, and 34.0, 34.5 and 35.9 dB."""

DEBLURRING_ITERATIONS = 40


def prepare_upscale(assignment: Assignment, spec: UpscaleSpec) -> Prepared:
    """The upload as a picture that the canvas becomes when made smaller.

    The network draws at the factor that suits its size. What is missing to the wanted one is interpolated, what is too
    much is made smaller; both are then made to agree with the upload.

    Raises:
        BeyondModel: the upload is larger than the model draws.
        BlobMissing, InputUnreadable: as `Assignment.read`.
    """
    picture, model = _read(assignment), assignment.model
    factor = network_factor(max(picture.size), spec.factor, model.native_size_px)
    window = Box(0, 0, *result_size(spec, *picture.size))
    placement = lay(window, picture.width * factor, picture.height * factor, model.cell_px)
    small, operator = to_image(picture), SuperResolution(spec.factor)

    def finish(image: Tensor) -> Image.Image:
        drawn = to_image(from_canvas(image, placement))
        return to_picture(make_consistent(drawn, operator, small, max_rounds=MAX_ROUNDS).image)

    constraint = DecodedConstraint(SuperResolution(factor), spread(small, placement, factor).to(model.device))
    return Prepared(
        assignment.plan(placement, constraint=constraint), finish, residual=_residual_against(operator, small)
    )


def prepare_colorize(assignment: Assignment, spec: ColorizeSpec) -> Prepared:
    """The upload's luminance as what is known of the canvas; finished, it is kept in full resolution.

    Raises:
        BlobMissing, InputUnreadable: as `Assignment.read`.
    """
    picture, operator = _read(assignment), Colorize()
    placement, canvas = _whole(assignment, picture)
    constraint = DecodedConstraint(operator, operator.forward(canvas))
    luminance = operator.forward(to_image(picture))

    def finish(image: Tensor) -> Image.Image:
        return to_picture(with_luminance(to_image(from_canvas(image, placement)), luminance))

    return Prepared(
        assignment.plan(placement, constraint=constraint), finish, residual=_residual_against(operator, luminance)
    )


def prepare_deblur(assignment: Assignment, spec: DeblurSpec) -> Prepared:
    """The upload as the blurred canvas, with a kernel of the canvas's scale; finished, with the upload's own.

    Raises:
        BeyondModel: at the model's size nothing of the blur is seen.
        BlobMissing, InputUnreadable: as `Assignment.read`.
    """
    picture = _read(assignment)
    placement, canvas = _whole(assignment, picture)
    scale = max(placement.scaled.width / picture.width, placement.scaled.height / picture.height)
    constraint = DecodedConstraint(Blur(kernel_of(spec, scale), DEBLURRING), canvas)
    blurred, operator = to_image(picture), Blur(kernel_of(spec), LAST_DEBLURRING)

    def finish(image: Tensor) -> Image.Image:
        return to_picture(deblurred(to_image(from_canvas(image, placement)), operator, blurred))

    return Prepared(
        assignment.plan(placement, constraint=constraint), finish, residual=_residual_against(operator, blurred)
    )


def _read(assignment: Assignment) -> Image.Image:
    picture = assignment.read("image")
    beyond = beyond_model(assignment.record.spec, *picture.size, assignment.model.native_size_px)
    if beyond is not None:
        raise BeyondModel(beyond[1])
    return picture


def _whole(assignment: Assignment, picture: Image.Image) -> tuple[Placement, Tensor]:
    """The picture on its canvas, (3, H, W) on the model's device, its borders carried on into the padding."""
    model = assignment.model
    placement = place(*picture.size, model.native_size_px, model.cell_px)
    canvas = to_canvas(picture, Image.new("L", picture.size, 0), placement)
    return placement, canvas.image.to(model.device)


def spread(small: Tensor, placement: Placement, factor: int) -> Tensor:
    """A small picture (3, h, w) with its borders carried on, so that `factor` times as large it is the canvas."""
    left, top, right, bottom = placement.scaled.corners
    beside = left, placement.canvas_width_px - right, top, placement.canvas_height_px - bottom
    return functional.pad(small[None], tuple(side // factor for side in beside), mode="replicate")[0]


def kernel_of(spec: DeblurSpec, scale: float = 1.0) -> Tensor:
    """The kernel (h, w) of the upload's blur, for a picture scaled by `scale`."""
    if spec.length_px is not None:
        return motion_kernel(spec.length_px * scale, spec.angle_deg)
    return gaussian_kernel((spec.sigma_px or 0.0) * scale)


def with_luminance(image: Tensor, luminance: Tensor, band_px: int = BAND_PX) -> Tensor:
    """The image (3, H, W) of 8 bits nearest to `image` that has the luminance (1, H, W), `band_px` at a time."""
    rows = max(1, band_px // image.shape[-1])
    bands = zip(torch.split(image, rows, 1), torch.split(luminance, rows, 1), strict=True)
    kept = [make_consistent(band, Colorize(), wanted, max_rounds=MAX_ROUNDS).image for band, wanted in bands]
    return torch.cat(kept, 1)


def deblurred(image: Tensor, operator: Blur, blurred: Tensor) -> Tensor:
    """`image` (3, H, W) with what its blurring misses of `blurred` added, as far as noise allows: Wiener's inverse."""

    def normal(x: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(x)) + operator.regularisation * x

    b = operator.adjoint(blurred - operator.forward(image))
    return image + conjugate_gradient(normal, b, DEBLURRING_ITERATIONS).x


def _residual_against(operator: LinearOperator, measurement: Tensor) -> partial[float]:
    return partial(_residual, operator, measurement)


def _residual(operator: LinearOperator, measurement: Tensor, picture: Image.Image) -> float:
    return residual_of(to_image(picture), operator, measurement)
