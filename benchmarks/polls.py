"""How long a client waits for the state of its job while the worker has all cores to sample on, and what polls cost.

    python -m benchmarks.polls --seconds 30 --clients 8 --json polls.json
    python -m benchmarks.polls --seconds 30 --nice 0 5 10 --json polls-nice.json

A real Redis, an API process and a worker process with the embedded model. For each niceness of the worker four phases:
polls of a finished job with nothing to sample; a full queue without polls; a full queue with polls; and without again,
so that a drift of the machine is seen. Clients, service and worker share this machine's cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from benchmarks.throughput.polling import OK, Clients, Crowd, Poll
from benchmarks.throughput.telling import line, write
from deploy.loadtest.figures import quantile
from deploy.loadtest.service import Fleet, LoadedService
from inlay.addresses import LOOPBACK, free_port
from jobs.blobs import open_blobs
from jobs.metrics import BATCH_ROWS
from jobs.queue import JobQueue
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.workers import WorkerRegistry
from worker.shelf import Shelf

WORKER = "benchmarks.throughput.niced_worker"
LOOK_S = 0.1
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Row:
    """One phase. `saturated`: the queue was full; `polls` is 0 where nobody asked.

    Milliseconds of a poll count from the moment when it was due, `sent_p99_ms` from when it left. `evaluations_per_s`
    are rows of network calls.
    """

    nice: int
    saturated: bool
    clients: int
    polls_per_s: float
    seconds: float
    polls: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    sent_p99_ms: float | None = None
    jobs_per_s: float | None = None
    evaluations_per_s: float | None = None


class Served:
    """A service with one worker of a niceness, and the crowd whose jobs it samples."""

    def __init__(self, service: LoadedService, metrics_port: int) -> None:
        self._metrics_url = f"http://{LOOPBACK}:{metrics_port}/metrics"
        settings = Settings(redis_url=SecretStr(service.redis_url))
        redis = service.connect()
        self.url = service.urls[0]
        self.shelf = Shelf(JobStore(redis, settings), JobQueue(redis, settings), open_blobs(settings, redis))
        (worker,) = WorkerRegistry(redis).ready()
        self.crowd = Crowd(self.shelf, worker.native_size_px, worker.max_batch)

    def rows_evaluated(self) -> float:
        """Rows that the worker's network has evaluated so far."""
        text = httpx.get(self._metrics_url, trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{BATCH_ROWS.name}_sum" and sample.labels["kind"] == "denoise"
        )

    def ended_between(self, began: float, ended: float) -> int:
        """How many jobs of the crowd have succeeded between two Unix times."""
        records = self.shelf.store.get_many(self.crowd.ids)
        moments = [
            record.finished_at.timestamp()
            for record in records
            if record and record.finished_at and record.state is JobState.SUCCEEDED
        ]
        return sum(began <= moment < ended for moment in moments)

    def wait_for_first(self) -> None:
        """Until a job has ended. Raises `RuntimeError` if none does for minutes."""
        until = time.monotonic() + PATIENCE_S
        while not self.ended_between(0.0, time.time()):
            if time.monotonic() > until:
                raise RuntimeError("the worker ends no job")
            time.sleep(LOOK_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse(arguments)
    rows = []
    for nice in args.nice:
        for row in measured(nice, args):
            rows.append(row)
            print(line(row), flush=True)
            if args.json:
                write(args.json, rows, ["python -m benchmarks.polls", *arguments])
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments; the worker takes every core by default, as users' workers do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase")
    parser.add_argument("--clients", type=int, default=8, help="with a connection each, who ask in turn")
    parser.add_argument("--rate", type=float, default=20.0, help="polls a second, of all clients together")
    parser.add_argument("--nice", type=int, nargs="+", default=[0], metavar="N", help="the worker's, 0 to 19")
    parser.add_argument("--threads", type=int, help="of the worker's network; one for each core by default")
    parser.add_argument("--model", default="models/scenes-128", help="a folder or hub id in the diffusers layout")
    parser.add_argument("--json", type=Path, help="write rows and provenance to this file")
    return parser.parse_args(arguments)


def measured(nice: int, args: argparse.Namespace) -> Iterator[Row]:
    """The four phases with a worker of this niceness."""
    port = free_port(LOOPBACK, 0)
    environ = {"INLAY_MODEL": args.model, "INLAY_METRICS_PORT": str(port)}
    if args.threads:
        environ["INLAY_THREADS"] = str(args.threads)
    fleet = Fleet(worker=(WORKER, str(nice)), environ=environ)
    clients = Clients(args.clients, args.rate, args.seconds)
    blank = Row(nice, False, clients.count, clients.rate, clients.seconds)
    with tempfile.TemporaryDirectory() as folder, LoadedService(fleet, Path(folder)) as service:
        served = Served(service, port)
        served.crowd.add()
        served.wait_for_first()
        yield of_polls(blank, clients.poll(served.url, served.crowd.watched))
        served.crowd.start()
        try:
            yield from saturated(served, clients, replace(blank, saturated=True))
        finally:
            served.crowd.stop()


def saturated(served: Served, clients: Clients, blank: Row) -> Iterator[Row]:
    """Without polls, with them, and without again; from the moment when all that fit are sampled."""
    time.sleep(clients.seconds / 2)

    def quiet() -> list[Poll]:
        time.sleep(clients.seconds)
        return []

    yield timed(served, quiet, blank)
    yield timed(served, lambda: clients.poll(served.url, served.crowd.watched), blank)
    yield timed(served, quiet, blank)


def timed(served: Served, during: Callable[[], list[Poll]], blank: Row) -> Row:
    """What is done `during` it, and what the worker does meanwhile."""
    rows, began = served.rows_evaluated(), time.time()
    polls = during()
    ended = time.time()
    per_s = (served.rows_evaluated() - rows) / (ended - began)
    jobs_per_s = served.ended_between(began, ended) / (ended - began)
    return replace(of_polls(blank, polls), jobs_per_s=jobs_per_s, evaluations_per_s=per_s)


def of_polls(row: Row, polls: Sequence[Poll]) -> Row:
    """The row with what was asked."""
    if not polls:
        return row
    due = [poll.from_due_s for poll in polls]
    p50, p95, p99 = (1000 * quantile(due, share) for share in (0.5, 0.95, 0.99))
    return replace(
        row,
        polls=len(polls),
        failed=sum(poll.status != OK for poll in polls),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        sent_p99_ms=1000 * quantile([poll.from_sent_s for poll in polls], 0.99),
    )


if __name__ == "__main__":
    raise SystemExit(main())
