"""One picture restored by one method, as a process: stated, sampled, decoded, put back into the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from PIL import Image
from torch import Tensor

from benchmarks.methods import Method
from benchmarks.stating import SPACING, agreeing, placed, state
from benchmarks.tasks import Case
from sampler.evaluation import Answer, Differentiate, Process, decode
from worker.canvas import from_canvas, to_canvas
from worker.compositing import composite
from worker.diffusers_model import DiffusersModel
from worker.process import Plan, run_job

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, eq=False)
class Restored:
    """The finished picture, and what it took; `residual` is the constraint's for what was sampled, not yet finished.

    `backward_passes` are the network's, or the decoder's where nothing else is differentiated.
    """

    picture: Image.Image
    nfe: int
    backward_passes: int
    residual: float | None


def restore(model: DiffusersModel, case: Case, method: Method) -> Process[Restored]:
    """Restore the case; raises what the method raises.

    Our own solvers complete as the worker does, with its code, but for variants which that does not have.
    """
    if method.own is not None and method.own.is_of_worker and case.task.operator is None:
        painted = yield from run_job(plan(model, case, method), 0)
        return Restored(finish(model, case, painted.image), painted.nfe, 0, painted.residual)
    problem = yield from state(model, case, method)
    result, gradients = yield from counted(method.sampler(problem))
    image = agreeing(model, case, (yield from decode(result.latents)))
    return Restored(finish(model, case, image), result.nfe, result.backward_passes or gradients, result.residual)


def counted(process: Process[ValueT]) -> Process[tuple[ValueT, int]]:
    """The process, and how many gradients it asked for."""
    answer: Answer = None
    gradients = 0
    while True:
        try:
            request = process.send(answer)
        except StopIteration as stop:
            return stop.value, gradients
        gradients += isinstance(request, Differentiate)
        answer = yield request


def plan(model: DiffusersModel, case: Case, method: Method) -> Plan:
    """The work of one completion by a solver of ours, as the worker lays it out."""
    assert method.options is not None
    placement = placed(model, case.upload.picture)
    return Plan(
        canvas=to_canvas(case.upload.picture, case.upload.mask, placement),
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        cell_px=model.cell_px,
        conditioning=model.conditioning(case.sample.prompt, "", case.guidance_scale),
        schedule=replace(model.schedule, spacing=method.spacing or SPACING),
        options=method.options,
        seed=case.seed,
    )


def finish(model: DiffusersModel, case: Case, image: Tensor) -> Image.Image:
    """The canvas (3, H, W), about [-1, 1], back in the picture: painted where the mask says, else as it came."""
    placement = placed(model, case.upload.picture)
    picture = from_canvas(image, placement)
    return composite(case.upload, picture, picture, placement, 0)
