"""What rows say of each other: paired differences, precisions, memory beside plain text to image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.measures import Mean, paired_difference
from benchmarks.roster import OWN, PAPER_STEPS, names
from benchmarks.row import Row
from benchmarks.tasks import TASKS

REFERENCE = "newton"
"""With the settings that it was published with for holes, on every task."""

DTYPES = ("float32", "bfloat16", "float16")


def compared_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows in the order of the tables, each compared with those that it has to be compared with, where they are."""
    ordered = sorted(rows, key=_place)
    return [_with_ratio(_with_precision(_with_reference(row, ordered), ordered), ordered) for row in ordered]


def against(row: Row, reference: Row) -> Row:
    """The row with its paired difference of PSNR to a reference on the same scenes."""
    difference = paired_difference(row.scene_psnr_db, reference.scene_psnr_db)
    value, ci95 = _rounded(difference)
    return replace(row, against=f"{reference.method} {reference.nfe} NFE", difference_db=value, difference_ci95_db=ci95)


def is_reference(row: Row) -> bool:
    """Whether differences are to this row; the first precision's, if several have one."""
    own = OWN[REFERENCE]
    return row.method == REFERENCE and (row.steps, row.inner_steps, row.eta) == (PAPER_STEPS, own.inner_steps, own.eta)


def _place(row: Row) -> tuple[int, int, int, int, float]:
    """Text to image first, then task by task, precision by precision."""
    methods, tasks = names(), list(TASKS)
    return (
        tasks.index(row.mask) if row.mask in tasks else -1,
        DTYPES.index(row.dtype) if row.dtype in DTYPES else len(DTYPES),
        methods.index(row.method) if row.method in methods else -1,
        row.nfe,
        row.guidance_scale,
    )


def _with_reference(row: Row, rows: Sequence[Row]) -> Row:
    same = (row.mask, row.guidance_scale)
    found = next((other for other in rows if is_reference(other) and (other.mask, other.guidance_scale) == same), None)
    return against(row, found) if found and row.scene_psnr_db else row


def _with_precision(row: Row, rows: Sequence[Row]) -> Row:
    """Steps are what two precisions share: bfloat16 probes on both sides and takes more evaluations."""
    if row.dtype == "float32" or not row.scene_psnr_db:
        return row
    for other in rows:
        if other.dtype == "float32" and _settings(other) == _settings(row):
            value, ci95 = _rounded(paired_difference(row.scene_psnr_db, other.scene_psnr_db))
            return replace(row, float32_difference_db=value, float32_difference_ci95_db=ci95)
    return row


def _settings(row: Row) -> tuple[object, ...]:
    """Which task, and how, but for the precision."""
    return row.mask, row.method, row.guidance_scale, row.steps, row.inner_steps, row.eta


def _with_ratio(row: Row, rows: Sequence[Row]) -> Row:
    """None on a CPU, whose figure depends on what the process ran before."""
    same = (row.device, row.dtype, row.guidance_scale)
    texts = (other for other in rows if other.task == "generate")
    plain = next((text for text in texts if (text.device, text.dtype, text.guidance_scale) == same), None)
    if row.device != "cuda" or plain is None or not plain.peak_mb > 0:
        return replace(row, peak_ratio=None)
    return replace(row, peak_ratio=round(row.peak_mb / plain.peak_mb, 2))


def _rounded(difference: Mean) -> tuple[float, float | None]:
    return round(difference.value, 3), None if difference.ci95 is None else round(difference.ci95, 3)
