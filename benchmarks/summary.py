"""The page of a comparison: how its figures were made, the table, plots and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.gains import gains
from benchmarks.report import markdown
from benchmarks.roster import PUBLISHED
from benchmarks.row import Origin, Row

LEGEND = (
    "± is a 95 % interval over pictures. NFE counts network evaluations; a backward pass costs two more. The Fréchet "
    "distance is in the judge's features, and comparable only at equal numbers of pictures. Seam: gradient jump across "
    "the hole's border, 1 as in the truth; VAE seam: the truth itself, encoded and decoded, where it meets the known "
    "pixels. Residual: the constraint's, of what was sampled; written residual: of the 8-bit picture, made smaller. "
    "Peak MB is beyond the loaded model, for a whole batch; on a CPU it depends on what the process ran before, and "
    "`python -m benchmarks.footprint` compares memory, each figure in a process of its own."
)


def summary(folder: Path, rows: Sequence[Row], origin: Origin) -> str:
    """The text of README.md. What differs between rows is a column of the table; the rest is told once."""
    parts = [f"# {folder.name}", "\n".join(f"    {command}" for command in origin.commands)]
    parts += [" ".join([_made_by(rows, origin), *_references(rows), LEGEND]), markdown(rows)]
    parts += [f"Decibels that our solver gains, paired:\n\n{table}"] if (table := gains(rows)) else []
    parts += _sources(rows)
    parts += [_drawn(folder, mask) for mask in dict.fromkeys(row.mask for row in rows) if _is_drawn(folder, mask)]
    parts += ["\n".join(f"- {note}" for note in origin.notes)] if origin.notes else []
    return "\n\n".join(parts) + "\n"


def _made_by(rows: Sequence[Row], origin: Origin) -> str:
    return (
        f"Model `{origin.model}` (weights {_all(row.weights for row in rows)}) in {_all(row.dtype for row in rows)}, "
        f"commit {_all(row.commit for row in rows)}, {_all(row.hardware for row in rows)}, "
        f"threads: {_all(row.threads for row in rows)}, torch {_all(row.torch for row in rows)}; "
        f"{_all(row.scenes for row in rows)} pictures a task, seed {_all(row.seed for row in rows)}, "
        f"guidance {_all(f'{row.guidance_scale:g}' for row in rows)}, batches of {_all(row.batch for row in rows)}."
    )


def _all(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if value is not None)) or "unknown"


def _references(rows: Sequence[Row]) -> list[str]:
    told = [row.against for row in rows if row.against]
    return [f"Differences are paired, on the same pictures and noises, against {_all(told)}."] if told else []


def _sources(rows: Sequence[Row]) -> list[str]:
    """Where the published settings are from."""
    methods = dict.fromkeys(row.method for row in rows if row.published)
    return ["As published:\n\n" + "\n".join(f"- `{name}`: {PUBLISHED[name]}" for name in methods)] if methods else []


def _is_drawn(folder: Path, mask: str) -> bool:
    """Whether the task's pictures are there: they come last."""
    return (folder / f"{mask}-pictures.png").exists()


def _drawn(folder: Path, mask: str) -> str:
    return "\n".join(f"![{mask}]({path})" for path in (f"{mask}.png", f"{mask}-seconds.png", f"{mask}-pictures.png"))
