"""Peak memory of each method beside plain text to image, to the megabyte: a fresh process for each figure.

    python -m benchmarks.footprint --json docs/results/cpu-memory/rows.json

In one process, methods measured later find memory that earlier ones left in the heap, and look frugal. Here every
figure is of a new process that loads the model, evaluates everything once, and then runs one batch. On a CPU the C
library is told to hand back at once what torch frees (`MALLOC_MMAP_THRESHOLD_`, glibc), so that resident memory is what
is in use, and the kernel tells its peak. Few steps suffice: each has the peak of all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.captions import captions
from benchmarks.command_line import add_arguments, open_setting, read_samples
from benchmarks.measuring import measure
from benchmarks.methods import Unavailable
from benchmarks.row import Row
from benchmarks.setting import prepare
from benchmarks.survey import Wanted
from benchmarks.tasks import TASKS
from benchmarks.throughput.telling import line, write
from sampler.sample import SamplerOptions

PLAIN = "ddim"
HAND_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
FEW_NFE = 24
METHODS = ["default", "newton", "ding", "mpgd", "repaint", "blended", "lanpaint", "dps", "psld", "freedom", "rival"]
MEASURED = ["default", "default-gradient", "newton-gradient"]
"""On tasks that measure every pixel: the encoder's probe, and the decoder's gradient by both solvers."""

BATCHES = (1, 8)


@dataclass(frozen=True)
class Footprint:
    """`peak_mb` (1e6 bytes) of one `batch`, beyond the loaded model; `ratio` to plain text to image's."""

    task: str
    method: str
    batch: int
    peak_mb: float
    backward_passes: int
    model: str
    dtype: str
    ratio: float | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse(arguments)
    rows = []
    for row in footprints(args):
        rows.append(row)
        print(line(row), flush=True)
        if args.json:
            write(args.json, rows, ["python -m benchmarks.footprint", *arguments])
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments; half pictures by all methods, and enlarging by the encoder's probe and the decoder's gradient."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, conflict_handler="resolve"
    )
    add_arguments(parser, count=1, masks=["half_left", "x4"], methods=METHODS)
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), metavar="N")
    parser.add_argument("--nfe", type=int, default=FEW_NFE, help="network evaluations a picture, or as few as it can")
    return parser.parse_args(arguments)


def footprints(args: argparse.Namespace) -> Iterator[Footprint]:
    """Text to image first at each batch size, then what is compared with it."""
    for batch in args.batches:
        plain = alone(args, "none", PLAIN, batch)
        yield replace(plain, ratio=1.0)
        for task in args.masks:
            for method in MEASURED if TASKS[task].operator else args.methods:
                try:
                    row = alone(args, task, method, batch)
                except Unavailable as error:
                    print(f"skipped {method}: {error}", file=sys.stderr)
                else:
                    yield replace(row, ratio=round(row.peak_mb / plain.peak_mb, 3))


def alone(args: argparse.Namespace, task: str, method: str, batch: int) -> Footprint:
    """The figure from a process of its own."""
    os.environ.update(HAND_BACK)  # read by the C library of the process that is started, not by this one's
    own_process = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=own_process) as pool:
        return pool.submit(footprint, args, task, method, batch).result()


def footprint(args: argparse.Namespace, task: str, method: str, batch: int) -> Footprint:
    """Load, warm up, run one batch."""
    args.count = args.batch = batch
    row = _measured(args, task, method)
    return Footprint(row.mask, row.method, batch, row.peak_mb, row.backward_passes, Path(args.model).name, row.dtype)


def _measured(args: argparse.Namespace, task: str, method: str) -> Row:
    setting = open_setting(args, args.dtype)
    if method == PLAIN:
        return captions(setting, SamplerOptions(steps=args.nfe, eta=1.0), 1.0, args.count, None)
    prepared = prepare(setting, TASKS[task], read_samples(args))
    return measure(setting, prepared, Wanted(method, args.nfe).method(setting.model.dtype)).row


if __name__ == "__main__":
    raise SystemExit(main())
