"""Let a thousand clients watch jobs, and say how quickly they are answered and whether anybody missed anything.

    python -m deploy.loadtest.followers --clients 1000 --seconds 60 --json FILE

starts a service of its own (private Redis, `--apis` API processes, one worker whose network sleeps), and has `--jobs`
jobs watched at a time. Half of the clients ask for the status again when the service says, half follow the events;
every second of these leaves once on the way and goes on after the last event it heard. The stub worker takes steps of
all its jobs at once, so what begins together ends together and its clients all come back in one moment: `--ramp`
lets the first jobs come one after the other, as they do from people; `--ramp 0` shows that worst case. After each job's
end its events are asked for once more from the first, and what each follower heard is held against that.

All clients live in one process, whose own share of the processor is in the times that it measures: the service's
histogram stands beside them. The exit status is 1 when a limit was exceeded, 2 when nothing could be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from benchmarks.provenance import provenance
from deploy.loadtest.audience import Audience, Crowd, Noted
from deploy.loadtest.figures import QUANTILES, exceeded, quantile
from deploy.loadtest.open_files import TooFewFiles, allow_open_files
from deploy.loadtest.plan import LONGEST_S
from deploy.loadtest.scrape import bound, status_buckets
from deploy.loadtest.service import Fleet, LoadedService, NotReady
from deploy.loadtest.sweep import STUB_WORKER
from deploy.pace import Pace

EXIT_EXCEEDED, EXIT_UNUSABLE = 1, 2
MOST_CLIENTS = 20_000
LANES = 64
"""Pictures that the worker samples at once: as many as one may."""
SPARE_FILES = 256
KEPT_OPEN_S = 4.0
"""Idle connections; the service closes them after five seconds, and who uses one just then fails."""
LIMITS = {"status_p99_s": 0.05, "lost": 0.0, "repeated": 0.0, "disagreeing": 0.0, "failed": 0.0, "lag_p99_s": 0.1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 within the limits, 1 beyond one, 2 if nothing could be measured."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        allow_open_files(2 * options.clients + SPARE_FILES)
        with tempfile.TemporaryDirectory(prefix="inlay-followers-") as folder:
            told, failed = measure(options, Path(folder))
    except (TooFewFiles, NotReady) as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    beyond = exceeded(told, LIMITS)
    report = {
        "provenance": provenance(),
        "command": " ".join(["python -m deploy.loadtest.followers", *arguments]),
        "figures": {name: value if math.isfinite(value) else None for name, value in told.items()},
        "failed": failed,
        "limits": LIMITS,
        "exceeded": beyond,
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(line(told))
    for sentence in (*beyond, *(f"{count} × {what}" for what, count in failed.items())):
        print(sentence, file=sys.stderr)
    return EXIT_EXCEEDED if beyond else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, within bounds; ends the program with 2 for others."""
    parser = argparse.ArgumentParser(prog="python -m deploy.loadtest.followers")
    add = parser.add_argument
    add("--clients", type=int, default=1000, help="half of them poll, half follow")
    add("--jobs", type=int, help="jobs that are watched at a time; one for ten clients if left out")
    add("--seconds", type=float, default=60.0, help="how long jobs are submitted; the last are watched to their ends")
    add("--apis", type=int, default=2, help="API processes, which take turns")
    add("--call-s", type=float, default=0.25, help="seconds of one call of the worker's network, asleep")
    add("--steps", type=int, default=20, help="denoising steps of a job")
    add("--ramp", type=float, help="seconds within which the first jobs come, 8 or less; 0: all begin and end at once")
    add("--patience", type=float, default=300.0, help="seconds in which a job must end")
    add("--seed", type=int, default=0)
    add("--json", type=Path, help="file for the report")
    options = parser.parse_args(arguments)
    options.jobs = options.jobs or max(1, options.clients // 10)
    if not 2 <= options.clients <= MOST_CLIENTS:
        parser.error(f"--clients: 2 to {MOST_CLIENTS}")
    if not 0 < options.seconds <= LONGEST_S:
        parser.error(f"--seconds: more than 0, at most {LONGEST_S:g}")
    if options.ramp is None:
        options.ramp = min(8.0, options.seconds / 4)
    if not 0 <= options.ramp < options.seconds:
        parser.error("--ramp: at least 0, less than --seconds")
    if not 1 <= options.jobs <= options.clients or options.apis < 1 or options.call_s < 0:
        parser.error("--jobs: 1 to as many as clients; --apis: at least 1; --call-s: at least 0")
    return options


def measure(options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], Counter[str]]:
    """Figures of one run on a service of its own, and what failed, by kind. Raises `NotReady`."""
    crowd = Crowd(
        options.clients, options.jobs, options.seconds, options.steps, options.patience, options.seed, options.ramp
    )
    with LoadedService(fleet(options), folder) as service:
        before = status_buckets(service.urls)
        began, cpu_began_s = time.monotonic(), time.process_time()
        noted = asyncio.run(watch(service.urls, crowd))
        seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu_began_s
        counted = status_buckets(service.urls)
        counted.subtract(before)
    told = figures(noted, counted)
    told |= {"clients": crowd.clients, "seconds": seconds, "client_cpu_share": cpu_s / seconds}
    return told, noted.failed


def fleet(options: argparse.Namespace) -> Fleet:
    """One worker that takes as many jobs at once as it may, at a pace that does not depend on how many."""
    pace = Pace(network_s={1: options.call_s, 2 * LANES: options.call_s}).dump()
    environ = {"INLAY_MAX_BATCH": str(LANES), "INLAY_MAX_QUEUE_DEPTH": str(options.clients), "OMP_NUM_THREADS": "1"}
    return Fleet(options.apis, 1, (STUB_WORKER, "--pace", pace), environ)


async def watch(urls: Sequence[str], crowd: Crowd) -> Noted:
    """All clients, on connections of their own."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_S)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        return await Audience(session, urls, crowd).watch()


def figures(noted: Noted, counted: Counter[float]) -> dict[str, float]:
    """What the clients noted; `counted` is the service's own histogram of status requests in the same time."""
    told: dict[str, float] = {
        "jobs": noted.jobs,
        "polls": len(noted.status_s),
        "lag_p99_s": quantile(noted.lag_s, 0.99),
        "events": noted.events,
        "resumed": noted.resumed,
        "lost": noted.lost,
        "repeated": noted.repeated,
        "disagreeing": noted.disagreeing,
        "failed": noted.failed.total(),
    }
    told |= {f"status_{word}_s": quantile(noted.status_s, share) for word, share in QUANTILES.items()}
    return told | {f"service_status_{word}_below_s": bound(counted, share) for word, share in QUANTILES.items()}


def line(told: dict[str, float]) -> str:
    """In short, for a terminal."""
    status = ", ".join(f"{word} {1000 * told[f'status_{word}_s']:.1f} ms" for word in QUANTILES)
    return (
        f"{told['clients']:g} clients, {told['jobs']:g} jobs: status {status} of {told['polls']:g} polls "
        f"(the service: p99 below {1000 * told['service_status_p99_below_s']:g} ms); "
        f"{told['events']:g} events heard, {told['lost']:g} lost, {told['repeated']:g} repeated"
    )


if __name__ == "__main__":
    raise SystemExit(main())
