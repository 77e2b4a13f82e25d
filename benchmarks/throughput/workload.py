"""Jobs as users mix them: halves, holes, quarters and free pictures, with and without guidance, of several lengths."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from benchmarks.masks import make_mask
from sampler.evaluation import Process
from sampler.sample import SamplerOptions, SolverName
from training.scenes import make_scene
from worker.assignment import ETA, SPACING
from worker.canvas import Canvas, to_canvas
from worker.diffusers_model import DiffusersModel
from worker.geometry import Placement, place
from worker.process import Painted, Plan, run_job


@dataclass(frozen=True)
class Job:
    """What is asked for; `mask` None makes a picture from the prompt alone."""

    mask: str | None = "half_left"
    steps: int = 20
    solver: SolverName = "default"
    inner_steps: int = 5
    guidance_scale: float = 1.0
    seed: int = 0


def mixed(count: int, seed: int) -> list[Job]:
    """`count` jobs of different tasks, lengths, solvers and guidance, drawn from `seed`."""
    draw = random.Random(seed)
    jobs = []
    for number in range(count):
        mask = draw.choice(["half_left", "half_top", "box", "quarter_left", None])
        newton = mask is not None and draw.random() < 0.2
        jobs.append(
            Job(
                mask,
                steps=draw.choice([10, 20, 20, 40]) if not newton else 10,
                solver="newton" if newton else "default",
                inner_steps=2 if newton else 5,
                guidance_scale=draw.choice([1.0, 1.0, 1.0, 3.0]),
                seed=seed + number,
            )
        )
    return jobs


def start(model: DiffusersModel, job: Job) -> Callable[[], Process[Painted]]:
    """The job laid out as the worker does, its upload read; what is returned starts it, as often as called."""
    side = model.native_size_px
    scene, picture = make_scene(job.seed)
    picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    placement = place(side, side, side, model.cell_px)
    plan = Plan(
        canvas=_canvas(job, picture, placement),
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        cell_px=model.cell_px,
        conditioning=model.conditioning(scene.caption, "", job.guidance_scale),
        schedule=replace(model.schedule, spacing=SPACING),
        options=SamplerOptions(job.steps, job.inner_steps, job.solver, eta=ETA, network_dtype=model.dtype),
        seed=job.seed,
    )
    return lambda: run_job(plan, 0)


def _canvas(job: Job, picture: Image.Image, placement: Placement) -> Canvas | None:
    return None if job.mask is None else to_canvas(picture, make_mask(job.mask, job.seed, picture.width), placement)
