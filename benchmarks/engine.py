"""How fast the engine is: beside a bare loop, for jobs together and at random, through a worker, beside diffusers.

    python -m benchmarks.engine --json results.json
    python -m benchmarks.engine --sd15 --dtype float16 --batches 1 2 4 8 16 32 --no-served
    python -m benchmarks.engine --choices --json choices.json

The second form measures the real architecture of Stable Diffusion 1.5 with random weights: speed and memory, no
pictures. The third measures instead what precision, layout, threads and compiling are worth, and what they change in
pictures. Every figure of a run is of the same process on the same machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.memory import PeakMemory
from benchmarks.running import warm_up
from benchmarks.throughput import arrivals, ceiling, choices, plain, served, together
from benchmarks.throughput.architectures import write_sd15
from benchmarks.throughput.row import Row
from benchmarks.throughput.telling import line, write
from benchmarks.throughput.workload import Job, mixed, start
from jobs.settings import Settings
from sampler.batching import BatchSizes
from worker.diffusers_model import DiffusersModel
from worker.model import load
from worker.profiling import measure, useful
from worker.warm_up import batch_sizes

DENSITIES = (0.5, 0.7)
"""Random arrivals come within these shares of the time that one at a time takes; it would keep up with a share of 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse(arguments)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        source = str(write_sd15(Path(folder) / "sd15-random")) if args.sd15 else args.model
        settings = Settings(model=source, dtype=args.dtype, compile=args.compile, max_batch=args.most)
        model = load(settings)
        warm_up(model, model.native_size_px)
        rows = []
        for row in measured(model, settings, args):
            rows.append(row)
            print(line(row, {"device", "model", "seed", "compiled", "dtype"}), flush=True)
            if args.json:
                write(args.json, rows, ["python -m benchmarks.engine", *arguments])
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments; the embedded model by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of scenes, noises, tasks and arrivals")
    parser.add_argument("--count", type=int, default=32, help="jobs that arrive at random, and that a worker serves")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8], metavar="ROWS")
    parser.add_argument("--most", type=int, default=8, help="jobs that run at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--model", default="models/scenes-128", help="a folder or hub id in the diffusers layout")
    parser.add_argument("--sd15", action="store_true", help="Stable Diffusion 1.5's architecture, random weights")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument(
        "--choices", nargs="*", choices=choices.KINDS, help="measure these choices for the network instead; all if none"
    )
    parser.add_argument(
        "--densities",
        type=float,
        nargs="+",
        default=DENSITIES,
        metavar="SHARE",
        help="random arrivals come within this share of the time that one job at a time takes",
    )
    parser.add_argument("--no-served", action="store_true", help="leave Redis and the worker out")
    parser.add_argument("--json", type=Path, help="write rows and provenance to this file")
    return parser.parse_args(arguments)


def measured(model: DiffusersModel, settings: Settings, args: argparse.Namespace) -> Iterator[Row]:
    """All rows, in order."""
    blank = Row(
        "", str(model.device), str(model.dtype).removeprefix("torch."), model.name, 1, args.seed, settings.compile
    )
    if args.choices is not None:
        yield from chosen(model, settings, args, blank)
        return
    yield from networks(model, args, blank)
    yield from halves(model, args, blank)
    yield from random_arrivals(model, args, blank)
    if not args.no_served:
        yield from through_a_worker(model, settings, args, blank)
    yield from beside_diffusers(model, settings, args, blank)


def chosen(model: DiffusersModel, settings: Settings, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """The network with one thing chosen otherwise, at the largest of the batch sizes."""
    reference = choices.Choice("reference", settings, args.threads)
    others = choices.alternatives(model, settings, args.threads, args.choices or choices.KINDS)
    yield from choices.measured(model, reference, others, max(args.batches), args.steps, blank)


def networks(model: DiffusersModel, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """The engine beside a bare loop, at each batch size."""
    operations = ceiling.flops_of_a_row(model)
    most = ceiling.ceiling_flops(model.device, model.dtype)
    for batch in args.batches:
        with PeakMemory(model.device) as memory:
            engine_s, bare_s = together.overhead(model, batch, args.steps)
        yield replace(
            blank,
            measure="network",
            batch=batch,
            evaluations_per_s=batch / engine_s,
            bare_evaluations_per_s=batch / bare_s,
            overhead=engine_s / bare_s - 1,
            peak_mb=memory.mb,
            share_of_ceiling=operations * batch / engine_s / most,
        )


def halves(model: DiffusersModel, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """Half pictures with the default solver, so many at a time; the first batch is the serial one."""
    alone_s, _ = together.half_pictures(model, 1, 3)
    for batch in args.batches:
        seconds, peak_mb = together.half_pictures(model, batch, 3)
        yield replace(
            blank,
            measure="jobs",
            batch=batch,
            jobs=batch,
            jobs_per_s=batch / seconds,
            serial_jobs_per_s=1 / alone_s,
            seconds_per_job=seconds,
            peak_mb=peak_mb,
        )


def random_arrivals(model: DiffusersModel, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """Mixed jobs, one at a time and all in one engine, arriving at the same moments."""
    starts = [start(model, job) for job in mixed(args.count, args.seed)]
    sizes = batch_sizes(args.most, fixed=model.device.type != "cpu" or args.compile)
    profiled = useful(sizes, measure(model, model, [size for size in (1, 2, 4, 8, 16, 32) if size <= 2 * args.most]))
    alone_s = together.run_all(model, starts[:1], sizes) + sum(
        together.run_all(model, [begin], sizes) for begin in starts[1:]
    )
    for density in args.densities:
        moments = arrivals.at_random(starts, args.seed, density * alone_s)
        serial = arrivals.serve(model, moments, sizes, 1)
        yield of_served(replace(blank, measure="serial", density=density), serial, None)
        for most in sorted({args.most, args.count}):
            shared = arrivals.serve(model, moments, profiled, most)
            yield of_served(replace(blank, measure="arrivals", batch=most, density=density), shared, serial)


def of_served(row: Row, ended: arrivals.Served, serial: arrivals.Served | None) -> Row:
    """The row with what was measured."""
    count = len(ended.latencies_s)
    return replace(
        row,
        jobs=count,
        jobs_per_s=count / ended.total_s,
        serial_jobs_per_s=None if serial is None else count / serial.total_s,
        seconds_per_job=ended.mean_s,
        p95_seconds_per_job=ended.p95_s,
        longest_wait_calls=max(ended.waits),
        mean_batch=ended.mean_batch,
    )


def through_a_worker(model: DiffusersModel, settings: Settings, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """Half pictures that wait in Redis, beside the engine alone with as many at once."""
    sizes = BatchSizes(tuple(range(1, 2 * args.most + 1)))
    starts = [start(model, Job(seed=seed)) for seed in range(args.count)]
    moments = [arrivals.Arrival(0.0, begin) for begin in starts]
    alone = arrivals.serve(model, moments, sizes, args.most)
    seconds = served.seconds_served(model, settings, args.count)
    yield replace(
        blank,
        measure="served",
        batch=args.most,
        jobs=args.count,
        jobs_per_s=args.count / seconds,
        serial_jobs_per_s=None,
        overhead=seconds / alone.total_s - 1,
    )


def beside_diffusers(model: DiffusersModel, settings: Settings, args: argparse.Namespace, blank: Row) -> Iterator[Row]:
    """Diffusers' own pipeline, text to image, as it is and with its documented speed-ups where they are wanted."""
    for compiled in (False, True) if args.compile else (False,):
        seconds = plain.seconds_of_a_picture(
            settings.model, model.device, model.dtype, args.steps, 1.0, compiled=compiled
        )
        yield replace(
            blank,
            measure="diffusers",
            compiled=compiled,
            evaluations_per_s=args.steps / seconds,
            jobs_per_s=1 / seconds,
            seconds_per_job=seconds,
        )


if __name__ == "__main__":
    raise SystemExit(main())
