"""Rows of results as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.provenance import provenance
from sampler.schedule import Eta


@dataclass(frozen=True)
class Row:
    """One method on one task at one budget. What does not apply, or could not be measured, is None.

    `nfe` and `backward_passes` are the most of any picture. `ci95_db` and the like are half widths of 95 % intervals
    over the scenes. `against` names the reference (method and its NFE) of `difference_db`, the mean of the paired
    differences. `seconds` is a picture's share of its batch, median over batches: one picture alone if `batch` is 1.
    `peak_mb` is memory beyond the loaded model, of the whole batch (`benchmarks.memory`). `scene_psnr_db` are the
    single values behind `hole_psnr_db`.
    """

    task: str
    mask: str
    method: str
    steps: int
    inner_steps: int | None
    eta: Eta | None
    guidance_scale: float
    nfe: int
    backward_passes: int
    scenes: int
    seed: int
    batch: int
    dtype: str
    seconds: float
    peak_mb: float
    budget_nfe: int | None = None
    hole_psnr_db: float | None = None
    ci95_db: float | None = None
    difference_db: float | None = None
    difference_ci95_db: float | None = None
    against: str | None = None
    vae_bound_db: float | None = None
    ssim: float | None = None
    ssim_ci95: float | None = None
    frechet: float | None = None
    seam: float | None = None
    vae_seam: float | None = None
    residual: float | None = None
    known_max_abs_diff: int | None = None
    kind_and_color_accuracy: float | None = None
    whole_psnr_db: float | None = None
    lpips: float | None = None
    fid: float | None = None
    scene_psnr_db: tuple[float, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of the table: its head and its cell's text, empty for what was not measured."""

    head: str
    of: str
    form: str
    ci95: str | None = None

    def cell(self, row: dict[str, Any]) -> str:
        """The row's text in this column."""
        value = row[self.of]
        if value is None:
            return ""
        spread = row[self.ci95] if self.ci95 else None
        return format(value, self.form) + (f" ± {spread:{self.form.lstrip('+')}}" if spread is not None else "")


COLUMNS = (
    Column("task", "task", ""),
    Column("mask", "mask", ""),
    Column("method", "method", ""),
    Column("steps", "steps", "d"),
    Column("inner", "inner_steps", "d"),
    Column("eta", "eta", ""),
    Column("NFE", "nfe", "d"),
    Column("backward", "backward_passes", "d"),
    Column("scenes", "scenes", "d"),
    Column("PSNR dB", "hole_psnr_db", ".2f", "ci95_db"),
    Column("paired difference dB", "difference_db", "+.2f", "difference_ci95_db"),
    Column("VAE bound dB", "vae_bound_db", ".2f"),
    Column("SSIM", "ssim", ".3f", "ssim_ci95"),
    Column("Fréchet", "frechet", ".2f"),
    Column("seam", "seam", ".2f"),
    Column("VAE seam", "vae_seam", ".2f"),
    Column("residual", "residual", ".4f"),
    Column("known diff", "known_max_abs_diff", "d"),
    Column("kind and colour", "kind_and_color_accuracy", ".1%"),
    Column("whole PSNR dB", "whole_psnr_db", ".2f"),
    Column("LPIPS", "lpips", ".3f"),
    Column("FID", "fid", ".2f"),
    Column("s a picture", "seconds", ".2f"),
    Column("peak MB", "peak_mb", ".0f"),
)


COLUMNS_OF = {column.of: column for column in COLUMNS}


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, without columns that none fills, or for backward passes that none has."""
    entries = [asdict(row) for row in rows]
    shown = [column for column in COLUMNS if any(entry[column.of] is not None for entry in entries)]
    if not any(row.backward_passes for row in rows):
        shown = [column for column in shown if column.of != "backward_passes"]
    lines = ["| " + " | ".join(column.head for column in shown) + " |", "|" + "---|" * len(shown)]
    lines += ["| " + " | ".join(column.cell(entry) for column in shown) + " |" for entry in entries]
    return "\n".join(lines)


def line(row: Row) -> str:
    """The row in short, for a terminal that shows progress."""
    psnr = COLUMNS_OF["hole_psnr_db"].cell(asdict(row)) or "no"
    method = f"{row.method} {row.steps}" + (f"×{row.inner_steps}" if row.inner_steps else "")
    return f"{row.mask}: {method}, {row.nfe} NFE: {psnr} dB, {row.seconds:.2f} s a picture"


@dataclass(frozen=True)
class Origin:
    """The model and the command behind rows, and what was skipped or could not be measured."""

    model: str
    command: str
    notes: tuple[str, ...] = ()


def write_json(path: Path, rows: Sequence[Row], origin: Origin) -> None:
    """Rows with where they come from."""
    report = {"provenance": provenance(), **asdict(origin), "rows": [asdict(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
