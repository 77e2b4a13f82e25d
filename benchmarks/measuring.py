"""Run one method on one task and measure everything that can be measured on its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image

from benchmarks.measures import hole_psnr_db, hole_ssim, known_max_abs_diff, mean, paired_difference, seam
from benchmarks.measures.judged import Jury
from benchmarks.methods import Method
from benchmarks.pictures import Sample
from benchmarks.report import Row
from benchmarks.restoring import Restored, restore
from benchmarks.running import run
from benchmarks.stating import placed, small
from benchmarks.tasks import Case, Task, make_cases
from sampler.constraints.projection import make_consistent
from sampler.evaluation import Decode, Encode
from worker.canvas import from_canvas, to_canvas
from worker.diffusers_model import DiffusersModel


@dataclass(frozen=True, eq=False)
class Setting:
    """What all rows of a run share. `jury` is None for pictures that the bundled judge does not know.

    `load_tuned` gives the checkpoint tuned for inpainting, the same one every time; it raises `Unavailable`.
    """

    model: DiffusersModel
    jury: Jury | None
    batch: int
    seed: int
    load_tuned: Callable[[], DiffusersModel]

    def model_of(self, method: Method) -> DiffusersModel:
        """The model that the method runs on."""
        return self.load_tuned() if method.is_tuned else self.model


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task with its cases, and what the autoencoder alone reaches in the same holes: PSNR, and seam to the known.

    Enlarged pictures are made to meet their measurement, as all results are, so that this is no bound for them.
    """

    task: Task
    cases: list[Case]
    vae_bound_db: float
    vae_seam: float | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """A row with the pictures behind it."""

    row: Row
    pictures: list[Image.Image]


def prepare(setting: Setting, task: Task, samples: Sequence[Sample]) -> Prepared:
    """Lay out a task on `samples`."""
    cases = make_cases(task, samples, setting.seed)
    rebuilt = [reconstruct(setting.model, case) for case in cases]
    return Prepared(task, cases, mean(each_psnr(rebuilt, cases)).value, _seam_of_rebuilt(rebuilt, cases))


def measure(setting: Setting, prepared: Prepared, method: Method, budget_nfe: int | None = None) -> Measured:
    """Restore every case and measure. Raises what the method raises, `ValueError` if the task is not for it."""
    cases, model = prepared.cases, setting.model_of(method)
    timed = run(model, [partial(restore, model, case, method) for case in cases], setting.batch)
    pictures = [one.picture for one in timed.results]
    row = Row(
        task=prepared.task.kind,
        mask=prepared.task.name,
        method=method.name,
        steps=method.steps,
        inner_steps=method.inner_steps,
        eta=method.eta,
        guidance_scale=1.0,
        nfe=max(one.nfe for one in timed.results),
        backward_passes=max(one.backward_passes for one in timed.results),
        scenes=len(cases),
        seed=setting.seed,
        batch=setting.batch,
        dtype=str(model.dtype).removeprefix("torch."),
        seconds=round(timed.seconds, 4),
        peak_mb=round(timed.peak_mb, 1),
        budget_nfe=budget_nfe,
        vae_bound_db=round(prepared.vae_bound_db, 3),
        vae_seam=_rounded(prepared.vae_seam, 3),
        residual=_mean_residual(timed.results),
    )
    return Measured(_judged(_compared(row, pictures, cases), pictures, cases, setting.jury), pictures)


def against(row: Row, reference: Row) -> Row:
    """The row with its paired difference of PSNR to a reference on the same scenes."""
    difference = paired_difference(row.scene_psnr_db, reference.scene_psnr_db)
    return replace(
        row,
        against=f"{reference.method} {reference.nfe} NFE",
        difference_db=round(difference.value, 3),
        difference_ci95_db=_rounded(difference.ci95, 3),
    )


def each_psnr(pictures: Sequence[Image.Image], cases: Sequence[Case]) -> list[float]:
    """Hole PSNR in dB, picture by picture."""
    return [
        hole_psnr_db(picture, case.upload.picture, case.upload.mask)
        for picture, case in zip(pictures, cases, strict=True)
    ]


def reconstruct(model: DiffusersModel, case: Case) -> Image.Image:
    """The true picture through the autoencoder and back, finished as a result is."""
    placement = placed(model, case.upload.picture)
    canvas = to_canvas(case.upload.picture, Image.new("L", case.upload.picture.size, 0), placement)
    latents = model.encode([Encode(canvas.image.to(model.device))])[0]
    image = model.decode([Decode(latents)])[0]
    if case.factor is not None:
        image = make_consistent(image, *small(model, case.upload.picture, case.factor)).image
    return from_canvas(image, placement)


def _seam_of_rebuilt(rebuilt: Sequence[Image.Image], cases: Sequence[Case]) -> float | None:
    """The seam where the autoencoder's pictures of the truth meet the known pixels, put back as in results."""
    truths, masks = [case.upload.picture for case in cases], [case.upload.mask for case in cases]
    pairs = zip(rebuilt, truths, masks, strict=True)
    return seam([Image.composite(picture, truth, mask) for picture, truth, mask in pairs], truths, masks)


def _compared(row: Row, pictures: Sequence[Image.Image], cases: Sequence[Case]) -> Row:
    """With what needs only the truth."""
    truths, masks = [case.upload.picture for case in cases], [case.upload.mask for case in cases]
    scene_psnr_db = each_psnr(pictures, cases)
    triples = list(zip(pictures, truths, masks, strict=True))
    psnr, ssim = mean(scene_psnr_db), mean([hole_ssim(*triple) for triple in triples])
    return replace(
        row,
        scene_psnr_db=tuple(round(value, 3) for value in scene_psnr_db),
        hole_psnr_db=round(psnr.value, 3),
        ci95_db=_rounded(psnr.ci95, 3),
        ssim=round(ssim.value, 4),
        ssim_ci95=_rounded(ssim.ci95, 4),
        seam=_rounded(seam(pictures, truths, masks), 3),
        known_max_abs_diff=None if row.task == "upscale" else max(known_max_abs_diff(*triple) for triple in triples),
    )


def _judged(row: Row, pictures: Sequence[Image.Image], cases: Sequence[Case], jury: Jury | None) -> Row:
    """With what the judge says of scenes."""
    scenes = [case.sample.scene for case in cases if case.sample.scene is not None]
    if jury is None or len(scenes) < len(cases):
        return row
    return replace(
        row,
        frechet=_rounded(jury.distance(pictures, [case.upload.picture for case in cases]), 3),
        kind_and_color_accuracy=jury.accuracy(pictures, scenes),
    )


def _mean_residual(results: Sequence[Restored]) -> float | None:
    residuals = [one.residual for one in results if one.residual is not None]
    return round(mean(residuals).value, 5) if residuals else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
