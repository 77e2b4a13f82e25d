"""How many uploads a second two API processes take, and how soon each is answered.

    python -m deploy.loadtest.submits --rate 300 --seconds 20 --json docs/results/submits/rows.json

starts Redis, API processes behind the gateway of the compose file, and workers with a stub for their networks. Uploads
of 100 kB are due by a Poisson clock that is drawn beforehand and waits for nobody: each is sent when it is due, and its
seconds count from then. The sender is a single thread that writes bytes made before; `client_cpu_share` tells what it
took of a core that the service could have had. The exit status is 1 beyond a limit, 2 if nothing was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.provenance import provenance
from deploy.loadtest.figures import exceeded, quantile
from deploy.loadtest.gateway import Gateway
from deploy.loadtest.plan import FASTEST, MOST
from deploy.loadtest.profiles import PROFILES, arrivals
from deploy.loadtest.service import Fleet, LoadedService, NotReady
from deploy.loadtest.sweep import STUB_WORKER, UNLIMITED, make_key
from deploy.loadtest.upload import PICTURES, request
from deploy.loadtest.wire import Answer, Connections
from deploy.pace import Pace

WARM_UP = 20
"""Submissions one after the other before the clock starts: a process that runs has met some before."""
PATIENCE_S = 30.0
LEAD_S = 0.2
ACCEPTED, REFUSED = 202, (429, 503)
LIMITS = {"refused": 0.0, "errors": 0.0, "doubled": 0.0, "submit_p99_s": 0.1, "lag_p99_s": 0.1}
EXIT_EXCEEDED, EXIT_UNUSABLE = 1, 2


@dataclass(frozen=True)
class Submission:
    """Due at `at_s`, sent `lag_s` later, answered `submit_s` after it was due; `status` is 0 if it was not."""

    at_s: float
    lag_s: float
    submit_s: float
    status: int
    job_id: str = ""


async def offer(urls: Sequence[str], uploads: Sequence[bytes], due_s: Sequence[float]) -> list[Submission]:
    """Send each upload when it is due, to the addresses in turn; `uploads` has one for each address.

    Raises `NotReady` if the service does not take them at all, `OSError` if it does not answer.
    """
    lines = [Connections(split.hostname or "", split.port or 80) for split in map(urlsplit, urls)]
    try:
        for number in range(WARM_UP):
            answer = await lines[number % len(lines)].send(uploads[number % len(lines)], PATIENCE_S)
            if answer.status != ACCEPTED:
                raise NotReady(f"an upload was answered {answer.status}: {answer.body.decode(errors='replace')}")
        began = time.monotonic() + LEAD_S
        tasks = []
        for number, at_s in enumerate(due_s):
            await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
            line, upload = lines[number % len(lines)], uploads[number % len(lines)]
            tasks.append(asyncio.create_task(_submit(line, upload, began, at_s)))
        return list(await asyncio.gather(*tasks))
    finally:
        for line in lines:
            line.close()


async def _submit(line: Connections, upload: bytes, began: float, at_s: float) -> Submission:
    lag_s = time.monotonic() - began - at_s
    try:
        answer = await line.send(upload, PATIENCE_S)
    except OSError:
        return Submission(at_s, lag_s, time.monotonic() - began - at_s, 0)
    return Submission(at_s, lag_s, answer.at - began - at_s, answer.status, _job_id(answer))


def _job_id(answer: Answer) -> str:
    return str(json.loads(answer.body)["id"]) if answer.status == ACCEPTED else ""


def figures(submissions: Sequence[Submission]) -> dict[str, float]:
    """What it came to; seconds are those of accepted submissions. `doubled`: answers that name another one's job."""
    accepted = [one for one in submissions if one.status == ACCEPTED]
    refused = sum(one.status in REFUSED for one in submissions)
    span_s = max((one.at_s + one.submit_s for one in accepted), default=0.0)
    told: dict[str, float] = {
        "offered": len(submissions),
        "accepted": len(accepted),
        "refused": refused,
        "errors": len(submissions) - len(accepted) - refused,
        "doubled": len(accepted) - len({one.job_id for one in accepted}),
        "accepted_per_s": len(accepted) / span_s if span_s else 0.0,
    }
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        told[f"submit_{name}_s"] = quantile([one.submit_s for one in accepted], share)
        told[f"lag_{name}_s"] = quantile([one.lag_s for one in submissions], share)
    return told


def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Start the service, load it, end it. Raises `NotReady` if it, or the gateway, did not start."""
    drawn = arrivals(PROFILES["steady"], options.rate, options.seconds, MOST, options.seed)
    keys = folder / "keys"
    key = make_key("alone", keys)
    environ = {
        "INLAY_API_KEYS_FILE": str(keys),
        "INLAY_RATE_LIMIT_JOBS": UNLIMITED,
        "INLAY_MAX_ACTIVE_JOBS": "10000",
        "INLAY_MAX_QUEUE_DEPTH": UNLIMITED,
        "INLAY_MAX_QUEUE_BYTES": "0",
        "OMP_NUM_THREADS": "1",
    }
    pace = Pace({1: options.call_s, 64: options.call_s}, {1: options.call_s, 64: options.call_s})
    fleet = Fleet(options.apis, options.workers, (STUB_WORKER, "--pace", pace.dump()), environ)
    with ExitStack() as stack:
        urls = stack.enter_context(LoadedService(fleet, folder)).urls
        if options.front == "gateway":
            urls = [stack.enter_context(Gateway(urls, folder)).url]
        uploads = [request(url, key, options.picture, options.steps) for url in urls]
        cpu_s, began = time.process_time(), time.monotonic()
        submissions = asyncio.run(offer(urls, uploads, [arrival.at_s for arrival in drawn]))
        share = (time.process_time() - cpu_s) / (time.monotonic() - began)
    return {**figures(submissions), "client_cpu_share": share, "upload_bytes": len(PICTURES[options.picture]())}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, within bounds; ends the program with 2 for others."""
    parser = argparse.ArgumentParser(prog="python -m deploy.loadtest.submits")
    add = parser.add_argument
    add("--rate", type=float, default=300.0, help="offered submissions a second")
    add("--seconds", type=float, default=20.0, help="how long submissions are due")
    add("--apis", type=int, default=2)
    add("--workers", type=int, default=2)
    add("--front", choices=("gateway", "turns"), default="gateway", help="nginx, or the API processes in turn")
    add("--picture", choices=list(PICTURES), default="png", help="png: noise of 182 px; jpeg: a photograph of 512 px")
    add("--steps", type=int, default=1, help="denoising steps of a job")
    add("--call-s", type=float, default=0.05, help="seconds that a worker sleeps in place of a call of the networks")
    add("--seed", type=int, default=0)
    add("--json", type=Path, metavar="FILE", help="where the figures are written")
    options = parser.parse_args(arguments)
    if not (0 < options.rate <= FASTEST and options.seconds > 0 and options.rate * options.seconds <= MOST):
        parser.error(f"--rate, --seconds: more than 0, at most {FASTEST:g} a second and {MOST} in all")
    if min(options.apis, options.workers) < 1:
        parser.error("at least one worker and one API process")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 within the limits, 1 beyond one, 2 if nothing could be measured."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="inlay-submits-") as folder:
            told = measure(options, Path(folder))
    except (NotReady, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    wrong = exceeded(told, LIMITS)
    command = " ".join(["python -m deploy.loadtest.submits", *arguments])
    known = {name: None if math.isnan(value) else value for name, value in told.items()}
    report = {"provenance": provenance(), "command": command, "limits": LIMITS, "exceeded": wrong, "figures": known}
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")
    return EXIT_EXCEEDED if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
