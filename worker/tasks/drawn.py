"""Tasks that start from no picture: `generate`, and `style`, which only looks at one."""

from __future__ import annotations

from functools import partial

from PIL import Image, ImageOps

from jobs.spec import GenerateSpec, StyleSpec
from sampler.constraints.style import StyleConstraint, grams
from worker.assignment import Assignment, Prepared
from worker.canvas import from_canvas, to_image
from worker.errors import TaskUnavailable
from worker.geometry import Placement, place


def prepare_generate(assignment: Assignment, spec: GenerateSpec) -> Prepared:
    """A canvas of the wanted size, and nothing that it must meet."""
    placement = _placement(assignment, spec)
    return Prepared(assignment.plan(placement), partial(from_canvas, placement=placement))


def prepare_style(assignment: Assignment, spec: StyleSpec) -> Prepared:
    """A canvas of the wanted size whose features shall vary together as the reference's do.

    The reference is cut to the canvas's shape first, or the network of the features, which sees a square, would see the
    two distorted differently.

    Raises:
        TaskUnavailable: no network sees styles here.
        BlobMissing, InputUnreadable: as `Assignment.read`.
    """
    features = assignment.features
    if features is None:
        raise TaskUnavailable("no features are loaded")
    placement = _placement(assignment, spec)
    size = placement.canvas_width_px, placement.canvas_height_px
    reference = ImageOps.fit(assignment.read("reference"), size, Image.Resampling.LANCZOS)
    with assignment.watch():
        wanted = grams(features, to_image(reference).to(assignment.model.device))
    plan = assignment.plan(placement, constraint=StyleConstraint(features, wanted))
    return Prepared(plan, partial(from_canvas, placement=placement))


def _placement(assignment: Assignment, spec: GenerateSpec | StyleSpec) -> Placement:
    native_px = assignment.model.native_size_px
    return place(spec.width_px or native_px, spec.height_px or native_px, native_px, assignment.model.cell_px)
