"""Methods against each other: tasks x methods x budgets in one run, with tables, plots and pictures.

    python -m benchmarks.solvers --name cpu-54 --count 54 --masks half_left quarter_left cells --budgets 20 40 60 220

Writes `docs/results/NAME/`: README.md (how it was made, and the table), rows.json, and for each task a plot of quality
against NFE and a sheet of pictures. Every row also has its paired difference to the reference on the same scenes.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from benchmarks.command_line import add_arguments, open_setting, read_samples
from benchmarks.grids import Line, sheet
from benchmarks.measuring import Measured, Prepared, Setting, against, prepare
from benchmarks.methods import names
from benchmarks.plots import quality_against_nfe
from benchmarks.provenance import provenance
from benchmarks.report import Origin, Row, line, markdown, write_json
from benchmarks.survey import Wanted, survey
from benchmarks.tasks import TASKS

RESULTS = Path("docs/results")
REFERENCE = Wanted("newton", 220)
SHOWN = 8


@dataclass
class Results:
    """What is written, and again after each row: a run that is cut off has lost nothing."""

    folder: Path
    model: str
    command: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def origin(self) -> Origin:
        """What the JSON says beside the rows."""
        return Origin(self.model, self.command, tuple(self.notes))

    def write(self) -> None:
        """README.md with the table, and rows.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "rows.json", self.rows, self.origin())
        (self.folder / "table.md").write_text(markdown(self.rows) + "\n")
        (self.folder / "README.md").write_text(readme(self))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns 1 if nothing could be measured."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse(arguments)
    setting = open_setting(args)
    command = f"python -m benchmarks.solvers {shlex.join(arguments)}"
    results = Results(args.out / args.name, setting.model.name, command)
    for mask in args.masks:
        prepared = prepare(setting, TASKS[mask], read_samples(args))
        compare(setting, prepared, results, args)
    print(markdown(results.rows))
    if args.json:
        write_json(args.json, results.rows, results.origin())
    return 0 if results.rows else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments; all methods by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, count=54, masks=["half_left", "quarter_left", "cells"], methods=names())
    parser.add_argument("--budgets", type=int, nargs="+", default=[20, 40, 60, 220], metavar="NFE")
    parser.add_argument("--name", required=True, help="folder of the results")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where that folder is")
    return parser.parse_args(arguments)


def compare(setting: Setting, prepared: Prepared, results: Results, args: argparse.Namespace) -> None:
    """All methods at all budgets on one task, the reference first; writes as it goes."""
    others = [Wanted(name, budget) for name in args.methods for budget in sorted(args.budgets)]
    wanted = [REFERENCE, *(one for one in others if one != REFERENCE)]
    reference: Row | None = None
    shown: dict[str, Measured] = {}
    first = len(results.rows)
    for one, measured in survey(setting, prepared, wanted, results.notes):
        if one == REFERENCE:
            reference = measured.row
        results.rows.append(against(measured.row, reference) if reference else measured.row)
        if one.name not in shown or measured.row.nfe >= shown[one.name].row.nfe:
            shown[one.name] = measured
        print(line(results.rows[-1]), flush=True)
        results.write()
    if shown:
        quality_against_nfe(results.rows[first:], results.folder / f"{prepared.task.name}.png")
        pictures = picture_sheet(prepared, list(shown.values()))
        pictures.save(results.folder / f"{prepared.task.name}-pictures.png")
        results.write()


def picture_sheet(prepared: Prepared, shown: Sequence[Measured]) -> Image.Image:
    """Input and truth, each method at its largest budget, and the truth again."""
    cases = prepared.cases[:SHOWN]
    truth = [case.upload.picture for case in cases]
    lines = [Line("input", "what is known", [case.shown() for case in cases]), Line("truth", "", truth)]
    for one in shown:
        psnr = f"{one.row.hole_psnr_db:.2f} dB over {one.row.scenes} pictures"
        backward = f", {one.row.backward_passes} backward" if one.row.backward_passes else ""
        lines.append(Line(one.row.method, f"{one.row.nfe} NFE{backward}; {psnr}", one.pictures[:SHOWN]))
    captions = [case.sample.prompt or case.sample.name for case in cases]
    return sheet([*lines, Line("truth", "", truth)], captions)


def readme(results: Results) -> str:
    """How the figures were made, and the table with its pictures."""
    origin = provenance()
    first = results.rows[0]
    tasks = list(dict.fromkeys(row.mask for row in results.rows))
    parts = [
        f"# {results.folder.name}",
        f"    {results.command}",
        f"Model `{results.model}` in {first.dtype}, commit {origin['commit']}, {origin['hardware']}, "
        f"threads: {origin['threads']}, torch {origin['torch']}; {first.scenes} pictures a task, seed {first.seed}, "
        f"batches of {first.batch}. ± is a 95 % interval over pictures; differences are paired, on the same pictures "
        f"and noises, against {first.against or 'nothing'}. NFE counts network evaluations; a backward pass costs two "
        "more. The Fréchet distance is in the judge's features, and comparable only at equal numbers of pictures. "
        "Seam: gradient jump across the hole's border, 1 as in the truth; VAE seam: the truth itself, encoded and "
        "decoded, where it meets the known pixels.",
        markdown(results.rows),
    ]
    parts += [
        f"![{task}]({task}.png)\n![{task}, pictures]({task}-pictures.png)" for task in tasks if drawn(results, task)
    ]
    parts += ["\n".join(f"- {note}" for note in results.notes)] if results.notes else []
    return "\n\n".join(parts) + "\n"


def drawn(results: Results, task: str) -> bool:
    """Whether the task's pictures are there: they come last."""
    return (results.folder / f"{task}-pictures.png").exists()


if __name__ == "__main__":
    raise SystemExit(main())
