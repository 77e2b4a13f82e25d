"""What our solver gains over each other method, on the same pictures and noises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.measures import paired_difference
from benchmarks.roster import OWN
from benchmarks.row import Row

OURS = "default"


def gains(rows: Sequence[Row]) -> str:
    """A Markdown table: dB of `OURS` at each of its budgets minus each other method; empty without both.

    In float32 or whatever the first precision is; our own variants, which say what a part is worth, are left out but
    for the paper's solver.
    """
    budgets = _budgets(rows)
    heads = ["mask", "minus", "NFE", *(f"`{OURS}` at {nfe}" for nfe in budgets)]
    lines = [
        f"| {other.mask} | `{other.method}` | {other.nfe} | {' | '.join(cells)} |" for other, cells in _lines(rows)
    ]
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]) if lines else ""


def _budgets(rows: Sequence[Row]) -> list[int]:
    return sorted({row.nfe for row in rows if row.method == OURS and _counts(row, rows)})


def _lines(rows: Sequence[Row]) -> Iterator[tuple[Row, list[str]]]:
    """Each other method's row with its cells."""
    for other in rows:
        is_variant = other.method in OWN and OWN[other.method].solver == OURS
        if is_variant or not _counts(other, rows):
            continue
        same = [row for row in rows if row.method == OURS and row.mask == other.mask and _counts(row, rows)]
        found = {row.nfe: _cell(row, other) for row in same if row.guidance_scale == other.guidance_scale}
        if found:
            yield other, [found.get(nfe, "") for nfe in _budgets(rows)]


def _counts(row: Row, rows: Sequence[Row]) -> bool:
    return bool(row.scene_psnr_db) and row.dtype == rows[0].dtype


def _cell(ours: Row, other: Row) -> str:
    difference = paired_difference(ours.scene_psnr_db, other.scene_psnr_db)
    return f"{difference.value:+.2f}" + (f" ± {difference.ci95:.2f}" if difference.ci95 is not None else "")
