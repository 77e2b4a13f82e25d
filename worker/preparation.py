"""From a job record to what the engine needs: each task is laid out by the family that it belongs to."""

from __future__ import annotations

from typing import assert_never

from jobs.spec import (
    ColorizeSpec,
    CompleteSpec,
    DeblurSpec,
    GenerateSpec,
    InpaintSpec,
    OutpaintSpec,
    StyleSpec,
    UpscaleSpec,
)
from worker.assignment import Assignment, Prepared
from worker.errors import UnknownModel
from worker.tasks.drawn import prepare_generate, prepare_style
from worker.tasks.kept import prepare_kept
from worker.tasks.measured import prepare_colorize, prepare_deblur, prepare_upscale


def prepare(assignment: Assignment) -> Prepared:
    """Read the uploads of a job and lay out the work. Runs beside the engine, in any thread.

    Raises:
        UnknownModel: the job asks for another model.
        TaskUnavailable: the worker lacks a network that the task needs.
        BeyondModel: the model can add nothing to an upload of that size.
        BlobMissing: an upload has expired.
        InputUnreadable: an upload is not what the API promises.
    """
    spec, model = assignment.record.spec, assignment.model
    if spec.model not in (None, model.name):
        raise UnknownModel(f"{spec.model} was asked for, {model.name} is here")
    match spec:
        case CompleteSpec() | InpaintSpec() | OutpaintSpec():
            return prepare_kept(assignment, spec)
        case UpscaleSpec():
            return prepare_upscale(assignment, spec)
        case ColorizeSpec():
            return prepare_colorize(assignment, spec)
        case DeblurSpec():
            return prepare_deblur(assignment, spec)
        case StyleSpec():
            return prepare_style(assignment, spec)
        case GenerateSpec():
            return prepare_generate(assignment, spec)
        case _:
            assert_never(spec)
