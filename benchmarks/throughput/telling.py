"""Rows of any kind for a terminal, and as JSON with where they come from."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.provenance import provenance

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def line(row: DataclassInstance, without: Collection[str] = ()) -> str:
    """What of a row is known, but for what all rows share."""
    known = {name: value for name, value in asdict(row).items() if value is not None and name not in without}
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in known.items()
    )


def write(path: Path, rows: Sequence[DataclassInstance], command: Sequence[str]) -> None:
    """Write the rows, the command that made them, and the provenance of this run."""
    report = {"provenance": provenance(), "command": " ".join(command), "rows": [asdict(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
