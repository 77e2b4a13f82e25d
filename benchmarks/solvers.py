"""Methods against each other: tasks x methods x budgets, in one run or in pieces, with tables, plots and pictures.

    python -m benchmarks.solvers --name cpu-54 --count 54 --masks half_left quarter_left cells --budgets 20 40 60 220
    python -m benchmarks.solvers --name cpu-54 --count 54 --masks half_left --budgets published --resume --minutes 50
    python -m benchmarks.solvers --name cpu-54-grey --count 54 --masks colorize deblur --methods default mpgd dps psld

Writes `docs/results/NAME/`: README.md (how it was made, and the table), rows.json, and for each task plots of quality
against NFE and seconds and a sheet of pictures. Rows have their paired difference to the reference, the paper's
`newton` as published (220 NFE), on the same scenes: it is measured first on each task, asked for or not.

`--resume` keeps what earlier runs of NAME measured with the same weights, pictures, seed, settings, precision and
batch, and adds what is missing; masks, methods and budgets may be others each time. A folder with rows of another
model, other pictures or another batch is refused. `--minutes` ends after the row that passes it. The row `generate` is
plain text to image: on a GPU peak memory is told beside it, on a CPU see `benchmarks.footprint`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.captions import captions, identify_captions
from benchmarks.command_line import add_arguments, budget, open_setting, read_samples
from benchmarks.comparing import REFERENCE
from benchmarks.drawing import draw
from benchmarks.measuring import Measured
from benchmarks.pictures import Sample
from benchmarks.report import line, markdown, write_json
from benchmarks.roster import compared
from benchmarks.setting import Prepared, Setting, prepare
from benchmarks.shelf import Results
from benchmarks.survey import Wanted, at_budgets, forget, survey
from benchmarks.tasks import TASKS
from sampler.sample import SamplerOptions

RESULTS = Path("docs/results")
REFERENCE_WANTED = Wanted(REFERENCE)
PLAIN = SamplerOptions(steps=20, eta=1.0)
INTERRUPTED = 130
"""What shells say of a process that Ctrl-C has ended."""


@dataclass(frozen=True)
class Patience:
    """When to stop, in seconds of `time.monotonic`; None: never."""

    until: float | None

    @property
    def is_over(self) -> bool:
        """Whether no further row shall be begun."""
        return self.until is not None and time.monotonic() > self.until


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: 1 if nothing could be measured, 2 if it cannot go on with what is there, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _measure_all(parse(arguments), arguments)
    except KeyboardInterrupt:
        print("interrupted: finished rows are kept, and the same command with --resume goes on", file=sys.stderr)
        return INTERRUPTED


def _measure_all(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    patience = Patience(time.monotonic() + 60 * args.minutes if args.minutes is not None else None)
    results = Results(args.out / args.name, "", [f"python -m benchmarks.solvers {shlex.join(arguments)}"])
    samples = read_samples(args)
    for number, dtype in enumerate(args.dtype):
        setting = open_setting(args, dtype, args.guidance_scale)
        results.model = setting.model.name
        if number == 0 and (refusal := go_on(setting, samples, results, args.resume)):
            print(refusal, file=sys.stderr)
            return 2
        wanted = [*([REFERENCE_WANTED] if number == 0 else []), *at_budgets(args.methods, args.budgets)]
        if not compare_all(setting, samples, wanted, results, args.masks, patience):
            print(f"stopped after {args.minutes:g} minutes; the same command with --resume goes on")
            break
    print(markdown(results.compared()))
    if args.json:
        write_json(args.json, results.compared(), results.origin)
    return 0 if any(row.task != "generate" for row in results.rows) else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments; all compared methods by default."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, conflict_handler="resolve"
    )
    add_arguments(parser, count=54, masks=["half_left", "quarter_left", "cells"], methods=compared())
    parser.add_argument("--budgets", type=budget, nargs="+", default=[20, 40, 60, 220], metavar="NFE|published")
    dtypes = ("auto", "float32", "bfloat16", "float16")
    parser.add_argument("--dtype", choices=dtypes, nargs="+", default=["auto"], help="several are compared in pairs")
    parser.add_argument("--guidance-scale", type=float, default=1.0, help="1: prompts without guidance")
    parser.add_argument("--resume", action="store_true", help="keep the rows that are there, and add what is missing")
    parser.add_argument("--minutes", type=float, help="begin no further row after this time")
    parser.add_argument("--name", required=True, help="folder of the results")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where that folder is")
    return parser.parse_args(arguments)


def go_on(setting: Setting, samples: Sequence[Sample], results: Results, resume: bool) -> str | None:
    """Take up earlier rows; returns why not, if rows would be lost or cannot be told from others."""
    if not results.rows_path.exists():
        return None
    if not resume:
        return f"{results.rows_path} has rows: add to them with --resume, or choose another --name"
    if setting.weights.model is None:
        return "--resume needs a model in a folder, which can be told from another"
    pictures = {prepare(setting, task, samples).digest for task in TASKS.values()}
    pictures.add(identify_captions(setting, PLAIN, setting.guidance_scale, len(samples)).pictures)
    try:
        results.take_up(setting.weights.all, pictures, setting.batch)
    except ValueError as error:
        return str(error)
    print(f"{len(results.rows)} rows are there")
    return None


def compare_all(
    setting: Setting,
    samples: Sequence[Sample],
    wanted: Sequence[Wanted],
    results: Results,
    masks: Sequence[str],
    patience: Patience,
) -> bool:
    """All tasks in one precision, after plain text to image; False if patience was over before."""
    plain = identify_captions(setting, PLAIN, setting.guidance_scale, len(samples))
    if plain not in results.rows:
        results.add(Measured(captions(setting, PLAIN, setting.guidance_scale, len(samples), None), []))
    for mask in masks:
        prepared = prepare(setting, TASKS[mask], samples)
        finished = compare(setting, prepared, wanted, results, patience)
        draw(results, prepared)
        results.write()
        if not finished:
            return False
    return True


def compare(
    setting: Setting, prepared: Prepared, wanted: Sequence[Wanted], results: Results, patience: Patience
) -> bool:
    """All that is wanted on one task; writes as it goes. False if patience was over before."""
    for one, measured in survey(setting, prepared, wanted, results.notes, dict(results.rows)):
        forget(one, prepared.task.name, results.earlier_notes)
        results.add(measured)
        if measured.pictures:
            print(line(measured.row), flush=True)
            if patience.is_over:
                return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
