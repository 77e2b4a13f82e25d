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
from benchmarks.setting import Setting, prepare
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
    """`peak_mb` (1e6 bytes) of one `batch`, beyond the loaded model, whose weights take `model_mb`.

    `ratio` to plain text to image's; `whole_ratio` with the weights on both sides, as a GPU has to hold them.
    """

    task: str
    method: str
    batch: int
    peak_mb: float
    backward_passes: int
    model: str
    dtype: str
    model_mb: float
    ratio: float | None = None
    whole_ratio: float | None = None

    def beside(self, plain: Footprint) -> Footprint:
        """With the ratios to `plain`, text to image with the same batch and the same model."""
        whole = (self.model_mb + self.peak_mb) / (plain.model_mb + plain.peak_mb)
        return replace(self, ratio=round(self.peak_mb / plain.peak_mb, 3), whole_ratio=round(whole, 3))


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
        yield plain.beside(plain)
        for task in args.masks:
            for method in MEASURED if TASKS[task].operator else args.methods:
                try:
                    row = alone(args, task, method, batch)
                except Unavailable as error:
                    print(f"skipped {method}: {error}", file=sys.stderr)
                else:
                    yield row.beside(plain)


def alone(args: argparse.Namespace, task: str, method: str, batch: int) -> Footprint:
    """The figure from a process of its own."""
    os.environ.update(HAND_BACK)  # read by the C library of the process that is started, not by this one's
    own_process = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=own_process) as pool:
        return pool.submit(footprint, args, task, method, batch).result()


def footprint(args: argparse.Namespace, task: str, method: str, batch: int) -> Footprint:
    """Load, warm up, run one batch."""
    args.count = args.batch = batch
    setting = open_setting(args, args.dtype)
    row = _measured(setting, args, task, method)
    model_mb = round(setting.model.size_bytes / 1e6, 1)
    of = (row.mask, row.method, batch, row.peak_mb, row.backward_passes, Path(args.model).name, row.dtype)
    return Footprint(*of, model_mb)


def _measured(setting: Setting, args: argparse.Namespace, task: str, method: str) -> Row:
    if method == PLAIN:
        return captions(setting, SamplerOptions(steps=args.nfe, eta=1.0), 1.0, args.count, None)
    prepared = prepare(setting, TASKS[task], read_samples(args))
    return measure(setting, prepared, Wanted(method, args.nfe).method(setting.model.dtype)).row


if __name__ == "__main__":
    raise SystemExit(main())
