"""Rows of results as Markdown and JSON, and back from JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.provenance import provenance
from benchmarks.row import Origin, Row


@dataclass(frozen=True)
class Column:
    """A column of the table: its head and its cell's text, empty for what was not measured.

    With `if_differs` it is shown only where the rows have different values; `nothing` is a text that tells nothing.
    """

    head: str
    of: str
    form: str
    ci95: str | None = None
    if_differs: bool = False
    nothing: str = ""

    def cell(self, row: dict[str, Any]) -> str:
        """The row's text in this column."""
        value = row[self.of]
        if value is None or isinstance(value, bool):
            return "yes" if value else ""
        spread = row[self.ci95] if self.ci95 else None
        return format(value, self.form) + (f" ± {spread:{self.form.lstrip('+')}}" if spread is not None else "")

    def is_shown(self, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether a table of these rows needs it."""
        cells = {self.cell(row) for row in rows}
        return len(cells) > 1 if self.if_differs else bool(cells - {"", self.nothing})


COLUMNS = (
    Column("task", "task", ""),
    Column("mask", "mask", ""),
    Column("method", "method", ""),
    Column("as published", "published", ""),
    Column("precision", "dtype", "", if_differs=True),
    Column("guidance", "guidance_scale", "g", if_differs=True),
    Column("steps", "steps", "d"),
    Column("inner", "inner_steps", "d"),
    Column("eta", "eta", ""),
    Column("NFE", "nfe", "d"),
    Column("backward", "backward_passes", "d", nothing="0"),
    Column("scenes", "scenes", "d"),
    Column("PSNR dB", "hole_psnr_db", ".2f", "ci95_db"),
    Column("paired difference dB", "difference_db", "+.2f", "difference_ci95_db"),
    Column("paired with float32 dB", "float32_difference_db", "+.2f", "float32_difference_ci95_db"),
    Column("VAE bound dB", "vae_bound_db", ".2f"),
    Column("SSIM", "ssim", ".3f", "ssim_ci95"),
    Column("Fréchet", "frechet", ".2f"),
    Column("seam", "seam", ".2f"),
    Column("VAE seam", "vae_seam", ".2f"),
    Column("residual", "residual", ".4f"),
    Column("written residual, 1/255", "written_residual_255", ".2f"),
    Column("known diff", "known_max_abs_diff", "d"),
    Column("kind and colour", "kind_and_color_accuracy", ".1%"),
    Column("whole PSNR dB", "whole_psnr_db", ".2f"),
    Column("LPIPS", "lpips", ".3f"),
    Column("FID", "fid", ".2f"),
    Column("s a picture", "seconds", ".2f"),
    Column("peak MB", "peak_mb", ".0f"),
    Column("× text to image", "peak_ratio", ".1f"),
    Column("commit", "commit", "", if_differs=True),
    Column("hardware", "hardware", "", if_differs=True),
    Column("threads", "threads", "d", if_differs=True),
    Column("torch", "torch", "", if_differs=True),
)

COLUMNS_OF = {column.of: column for column in COLUMNS}


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, without columns that tell nothing."""
    entries = [asdict(row) for row in rows]
    shown = [column for column in COLUMNS if column.is_shown(entries)]
    lines = ["| " + " | ".join(column.head for column in shown) + " |", "|" + "---|" * len(shown)]
    lines += ["| " + " | ".join(column.cell(entry) for column in shown) + " |" for entry in entries]
    return "\n".join(lines)


def line(row: Row) -> str:
    """The row in short, for a terminal that shows progress."""
    psnr = COLUMNS_OF["hole_psnr_db"].cell(asdict(row)) or "no"
    method = f"{row.method} {row.steps}" + (f"×{row.inner_steps}" if row.inner_steps else "")
    return f"{row.mask}: {method}, {row.nfe} NFE, {row.dtype}: {psnr} dB, {row.seconds:.2f} s a picture"


def write_json(path: Path, rows: Sequence[Row], origin: Origin) -> None:
    """Rows with where they come from. The file is whole at every moment, even if this process is killed."""
    report = {"provenance": provenance(), **asdict(origin), "rows": [asdict(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    growing = path.with_suffix(path.suffix + ".part")
    growing.write_text(json.dumps(report, indent=1) + "\n")
    growing.replace(path)


def read_json(path: Path) -> tuple[list[Row], Origin]:
    """What `write_json` wrote; raises `ValueError` for a file of other columns or none of ours."""
    try:
        report = json.loads(path.read_text())
        rows = [Row(**{**row, "scene_psnr_db": tuple(row["scene_psnr_db"])}) for row in report["rows"]]
        return rows, Origin(report["model"], tuple(report["commands"]), tuple(report["notes"]))
    except (TypeError, KeyError) as error:
        columns = ", ".join(field.name for field in fields(Row))
        raise ValueError(f"{path} is not of this version, whose rows have {columns}: {error}") from error
