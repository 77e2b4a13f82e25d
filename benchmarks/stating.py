"""A case as a `Problem`: what every method needs to know of it, and nothing of what is hidden."""

from __future__ import annotations

from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from benchmarks.methods import Method
from benchmarks.tasks import Case
from sampler.constraints.base import Constraint
from sampler.constraints.blur import Blur
from sampler.constraints.colorize import Colorize
from sampler.constraints.decoded import DecodedConstraint
from sampler.constraints.decoder_gradient import DecoderGradientConstraint
from sampler.constraints.known_pixels import REFILLS, encode_known
from sampler.constraints.linear import LinearOperator
from sampler.constraints.mask import Mask
from sampler.constraints.projection import make_consistent, rounded
from sampler.evaluation import Process
from sampler.fill import known_cells
from sampler.peers.problem import Problem
from sampler.schedule import Spacing
from worker.canvas import to_canvas
from worker.diffusers_model import DiffusersModel
from worker.geometry import Placement, place
from worker.process import generator_seed
from worker.tasks.measured import LAST_DEBLURRING, deblurred, with_luminance

SPACING: Spacing = "trailing"
"""As the service samples: every method but the published `newton` starts at the noisiest timestep."""

LEVELS_PER_UNIT = 255 / 2
"""Pictures are in [-1, 1]."""


def placed(model: DiffusersModel, picture: Image.Image) -> Placement:
    """Where the picture lies on the model's canvas."""
    return place(picture.width, picture.height, model.native_size_px, model.cell_px)


def state(model: DiffusersModel, case: Case, method: Method) -> Process[Problem]:
    """The case's problem; its noise is the one that the worker draws for the case's seed.

    Raises `ValueError` if the method is a variant of what the case does not have.
    """
    _check(case, method)
    constraint: Constraint
    operator: LinearOperator
    placement = placed(model, case.upload.picture)
    if case.task.operator is None:
        canvas = to_canvas(case.upload.picture, case.upload.mask, placement)
        image, known = canvas.image.to(model.device), canvas.known.to(model.device)
        refills = method.own.refills if method.own else None
        cells = known_cells(known, model.cell_px)
        constraint = yield from encode_known(image, known, cells, REFILLS if refills is None else refills)
        operator = Mask(known)
        measurement = operator.forward(image)
    else:
        operator = case.task.operator
        measurement = measured(model, case.upload.picture, operator)
        by_gradient = method.own is not None and method.own.through_decoder
        constraint = (DecoderGradientConstraint if by_gradient else DecodedConstraint)(operator, measurement)
    return Problem(
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        constraint=constraint,
        operator=operator,
        measurement=measurement,
        conditioning=model.conditioning(case.sample.prompt, "", case.guidance_scale),
        schedule=replace(model.schedule, spacing=SPACING),
        generator=torch.Generator().manual_seed(generator_seed(case.seed)),
    )


def _check(case: Case, method: Method) -> None:
    if method.own is None:
        return
    if method.own.through_decoder and case.task.operator is None:
        raise ValueError("a mask is compared in latents, without the decoder's gradient")
    if method.own.refills is not None and case.task.operator is not None:
        raise ValueError("a picture that is measured everywhere has no known pixels to encode again")


def written_residual_255(model: DiffusersModel, case: Case, picture: Image.Image) -> float | None:
    """How far what the picture as written measures is from what was given: root mean square in levels of 8 bits.

    None for a picture with a hole: its known pixels are compared one by one.
    """
    operator = case.task.operator
    if operator is None:
        return None
    given = measured(model, case.upload.picture, operator)
    found = operator.forward(whole(picture, placed(model, picture)).to(model.device))
    return float((found - given).square().mean().sqrt()) * LEVELS_PER_UNIT


def measured(model: DiffusersModel, picture: Image.Image, operator: LinearOperator) -> Tensor:
    """What the operator makes of the picture on its canvas, of 8 bits as a file would be."""
    return rounded(operator.forward(whole(picture, placed(model, picture)).to(model.device)))


def agreeing(model: DiffusersModel, case: Case, image: Tensor) -> Tensor:
    """The canvas (3, H, W), about [-1, 1], made to agree with what was measured, as the service does; else as it came.

    It is what compositing is to a hole, and so is done whatever the method.
    """
    operator = case.task.operator
    if operator is None:
        return image
    measurement = measured(model, case.upload.picture, operator)
    if isinstance(operator, Blur):
        return deblurred(rounded(image), Blur(operator.kernel, LAST_DEBLURRING), measurement)
    if isinstance(operator, Colorize):
        return with_luminance(image, measurement)
    return make_consistent(image, operator, measurement).image


def whole(picture: Image.Image, placement: Placement) -> Tensor:
    """The picture (3, H, W) in [-1, 1] on its canvas; raises `ValueError` if that has padding, which is unknown."""
    canvas = to_canvas(picture, Image.new("L", picture.size, 0), placement)
    if not bool(canvas.known.all()):
        raise ValueError(f"{picture.width}×{picture.height} pixels do not fill the canvas: choose another --size")
    return canvas.image
