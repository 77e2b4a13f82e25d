"""A case as a `Problem`: what every method needs to know of it, and nothing of what is hidden."""

from __future__ import annotations

import torch
from PIL import Image

from benchmarks.tasks import Case
from sampler.constraints.known_pixels import encode_known
from sampler.constraints.mask import Mask
from sampler.evaluation import Process
from sampler.fill import known_cells
from sampler.peers.problem import Problem
from worker.canvas import to_canvas
from worker.diffusers_model import DiffusersModel
from worker.geometry import Placement, place
from worker.process import generator_seed


def placed(model: DiffusersModel, picture: Image.Image) -> Placement:
    """Where the picture lies on the model's canvas."""
    return place(picture.width, picture.height, model.native_size_px, model.cell_px)


def state(model: DiffusersModel, case: Case) -> Process[Problem]:
    """The case's problem; its noise is the one that the worker draws for the case's seed."""
    placement = placed(model, case.upload.picture)
    canvas = to_canvas(case.upload.picture, case.upload.mask, placement)
    image, known = canvas.image.to(model.device), canvas.known.to(model.device)
    constraint = yield from encode_known(image, known, known_cells(known, model.cell_px))
    operator = Mask(known)
    return Problem(
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        constraint=constraint,
        operator=operator,
        measurement=operator.forward(image),
        conditioning=model.conditioning(case.sample.prompt, "", 1.0),
        schedule=model.schedule,
        generator=torch.Generator().manual_seed(generator_seed(case.seed)),
    )
