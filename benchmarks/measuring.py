"""Run one method on one task and measure everything that can be measured on its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from PIL import Image

from benchmarks.measures import hole_psnr_db, hole_ssim, known_max_abs_diff, mean, seam
from benchmarks.measures.judged import Jury
from benchmarks.methods import Method
from benchmarks.restoring import restore
from benchmarks.row import Row
from benchmarks.running import run
from benchmarks.setting import Prepared, Setting, identify
from benchmarks.stating import written_residual_255
from benchmarks.tasks import Case


@dataclass(frozen=True, eq=False)
class Measured:
    """A row with the pictures behind it, none of a row that an earlier run measured."""

    row: Row
    pictures: list[Image.Image]


def measure(setting: Setting, prepared: Prepared, method: Method, budget_nfe: int | None = None) -> Measured:
    """Restore every case and measure. Raises what the method raises, `ValueError` if the task is not for it."""
    cases, model = prepared.cases, setting.model_of(method)
    timed = run(model, [partial(restore, model, case, method) for case in cases], setting.batch)
    pictures = [one.picture for one in timed.results]
    row = Row(
        **asdict(identify(setting, prepared, method)),
        **setting.origin,
        steps=method.steps,
        inner_steps=method.inner_steps,
        eta=method.eta,
        nfe=max(one.nfe for one in timed.results),
        backward_passes=max(one.backward_passes for one in timed.results),
        seconds=round(timed.seconds, 4),
        peak_mb=round(timed.peak_mb, 1),
        budget_nfe=budget_nfe,
        published=method.is_published_for(prepared.task.kind),
        vae_bound_db=round(mean(each_psnr(prepared.rebuilt, cases)).value, 3),
        vae_seam=_rounded(_seam_of_rebuilt(prepared.rebuilt, cases), 3),
        residual=_mean([one.residual for one in timed.results], 5),
        written_residual_255=_mean([written_residual_255(model, *one) for one in zip(cases, pictures, strict=True)], 4),
    )
    return Measured(_judged(_compared(row, pictures, cases), pictures, cases, setting.jury), pictures)


def each_psnr(pictures: Sequence[Image.Image], cases: Sequence[Case]) -> list[float]:
    """Hole PSNR in dB, picture by picture."""
    return [
        hole_psnr_db(picture, case.upload.picture, case.upload.mask)
        for picture, case in zip(pictures, cases, strict=True)
    ]


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
        known_max_abs_diff=None if cases[0].task.operator else max(known_max_abs_diff(*triple) for triple in triples),
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


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    told = [value for value in values if value is not None]
    return round(mean(told).value, digits) if told else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
