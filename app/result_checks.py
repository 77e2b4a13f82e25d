"""What can be said against a result before anything is sampled: too large, too thin, or beyond the models."""

from app import problem_types
from app.file_checks import LONGEST_SHAPE, MIN_SIDE_PX
from app.problems import Problem
from jobs.settings import Settings
from jobs.sizes import beyond_model, blur_radius_px, result_size
from jobs.spec import MARGINS, AnySpec, DeblurSpec, OutpaintSpec, UpscaleSpec
from jobs.workers import WorkerPresence

_LONGEST_PX = {"webp": 16383, "jpeg": 65500}
"""What the formats (WebP) and their encoders (libjpeg) can hold, a side."""


def min_side_px(spec: AnySpec) -> int:
    """The shortest side of an upload: what is enlarged may be as much smaller."""
    return MIN_SIDE_PX // spec.factor if isinstance(spec, UpscaleSpec) else MIN_SIDE_PX


def able_workers(spec: AnySpec, workers: list[WorkerPresence]) -> list[WorkerPresence]:
    """The workers that may take the job; none if none lives.

    Raises:
        Problem: none of those that live serves the model, or does the task with it.
    """
    served = {worker.model for worker in workers}
    if spec.model is not None and served and spec.model not in served:
        detail = f"model must be one of: {', '.join(sorted(served))}."
        raise Problem(problem_types.UNKNOWN_MODEL, detail, pointer="/model")
    asked = [worker for worker in workers if spec.model in (None, worker.model)]
    able = [worker for worker in asked if spec.task in worker.tasks]
    if asked and not able:
        models = ", ".join(sorted({worker.model for worker in asked}))
        raise Problem(problem_types.TASK_UNAVAILABLE, f"{models} cannot do {spec.task} here.", pointer="/task")
    return able


def check_result(spec: AnySpec, size_px: tuple[int, int], settings: Settings, workers: list[WorkerPresence]) -> None:
    """Raises Problem if no result can come of an upload of that size; `workers` are those that may take the job."""
    width, height = result_size(spec, *size_px)
    if width * height > settings.max_pixels:
        detail = f"The result would have {width}x{height} pixels, {settings.max_pixels} are allowed."
        raise Problem(problem_types.RESULT_TOO_LARGE, detail, pointer=f"/{_enlarging_field(spec)}")
    if max(width, height) > LONGEST_SHAPE * min(width, height):
        detail = f"The result would be longer than {LONGEST_SHAPE}:1."
        raise Problem(problem_types.ASPECT_RATIO, detail, pointer=f"/{_enlarging_field(spec)}")
    longest_px = _LONGEST_PX.get(spec.output.format)
    if longest_px is not None and max(width, height) > longest_px:
        detail = f"A {spec.output.format} picture has at most {longest_px} pixels a side; ask for png."
        raise Problem(problem_types.INVALID_FIELD, detail, pointer="/output/format")
    if isinstance(spec, DeblurSpec) and blur_radius_px(spec) >= min(size_px):
        name = "sigma_px" if spec.sigma_px is not None else "length_px"
        detail = f"{name}: the kernel reaches {blur_radius_px(spec)} pixels, no less than the picture's shorter side."
        raise Problem(problem_types.INVALID_FIELD, detail, pointer=f"/{name}")
    _check_models(spec, size_px, workers)


def _check_models(spec: AnySpec, size_px: tuple[int, int], workers: list[WorkerPresence]) -> None:
    """Any of the workers may take the job: the smallest model decides."""
    smallest = min((worker.native_size_px for worker in workers), default=None)
    beyond = None if smallest is None else beyond_model(spec, *size_px, smallest)
    if beyond is not None:
        raise Problem(problem_types.BEYOND_MODEL, beyond[1], pointer=f"/{beyond[0]}")


def _enlarging_field(spec: AnySpec) -> str:
    if isinstance(spec, OutpaintSpec):
        return max(MARGINS, key=lambda side: int(getattr(spec, side)))
    return "factor" if isinstance(spec, UpscaleSpec) else "image"
