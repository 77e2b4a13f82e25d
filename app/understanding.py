"""The files of a job decoded and checked, and what was understood of them."""

from dataclasses import dataclass

from app.images import Picture, kept_png, read_picture, to_png
from app.masks import read_mask
from app.problems import pointing_at
from app.result_checks import check_result, min_side_px
from jobs.record import UnderstoodInput
from jobs.settings import Settings
from jobs.sizes import result_size
from jobs.spec import AnySpec, CompleteSpec, GenerateSpec, InpaintSpec, OutpaintSpec, StyleSpec
from jobs.workers import WorkerPresence


@dataclass(frozen=True)
class Checked:
    """A request that may become a job: what is asked, what was understood, and the blobs to store by name (PNG)."""

    spec: AnySpec
    understood: UnderstoodInput | None
    pngs: dict[str, bytes]


def check_pictures(
    spec: AnySpec, files: dict[str, bytes], settings: Settings, workers: list[WorkerPresence]
) -> Checked:
    """Decodes the files and says what was understood; works on pixels, so call it off the event loop.

    `workers` are those that may take the job.

    Raises:
        Problem: a file is refused, or the result that it would have.
    """
    if isinstance(spec, GenerateSpec):
        return Checked(spec, _canvas(spec, workers), {})
    if isinstance(spec, StyleSpec):
        with pointing_at("/reference"):
            reference = read_picture(files["reference"], settings)
        return Checked(spec, _canvas(spec, workers), {"reference": kept_png(reference)})
    with pointing_at("/image"):
        picture = read_picture(files["image"], settings, min_side_px(spec))
    check_result(spec, picture.size_px, settings, workers)
    pngs = {"image": kept_png(picture)}
    if not isinstance(spec, InpaintSpec):
        return Checked(spec, _understood(spec, picture), pngs)
    mask = read_mask(files.get("mask"), picture, spec, settings)
    understood = _understood(spec, picture).model_copy(
        update={"mask_source": mask.source, "mask_polarity": mask.polarity, "coverage": round(mask.coverage, 6)}
    )
    return Checked(spec, understood, pngs | {"mask": to_png(mask.grey)})


def _canvas(spec: GenerateSpec | StyleSpec, workers: list[WorkerPresence]) -> UnderstoodInput | None:
    native = workers[0].native_size_px if workers else None
    width, height = spec.width_px or native, spec.height_px or native
    return UnderstoodInput(width_px=width, height_px=height) if width and height else None


def _understood(spec: AnySpec, picture: Picture) -> UnderstoodInput:
    width, height = picture.size_px
    result = result_size(spec, width, height)
    source, coverage = _painted_share(spec, picture.size_px, result)
    return UnderstoodInput(
        width_px=width,
        height_px=height,
        result_width_px=result[0],
        result_height_px=result[1],
        format=picture.format,
        mask_source=source,
        coverage=coverage,
    )


def _painted_share(
    spec: AnySpec, size_px: tuple[int, int], result_px: tuple[int, int]
) -> tuple[str | None, float | None]:
    """What says where to paint, and the share of the result that is painted; None where all of it is measured."""
    if isinstance(spec, CompleteSpec):
        side = size_px[0] if spec.keep in {"left", "right"} else size_px[1]
        return "side", round(1 - round(side * spec.fraction) / side, 6)
    if isinstance(spec, OutpaintSpec):
        return "margins", round(1 - size_px[0] * size_px[1] / (result_px[0] * result_px[1]), 6)
    return None, None
