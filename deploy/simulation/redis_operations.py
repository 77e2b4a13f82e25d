"""What a job and a worker take of Redis, counted by Redis itself on a real service.

    python -m deploy.simulation.redis_operations --jobs 20 --out docs/results/load-cpu/redis.json

The networks are a stub's, everything else is the product: submission over HTTP, one caller who waits by long poll,
queue, books, events, heartbeats, recovery. First the service is watched without a job, then with jobs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import httpx

from deploy.loadtest.orders import body
from deploy.loadtest.service import Fleet, LoadedService
from deploy.loadtest.sweep import STUB_WORKER
from deploy.pace import Pace
from deploy.simulation.redis_counters import Counters, RedisCounters
from deploy.simulation.scale import RedisNeed

CALL_S = 0.01
PAUSE_S = 0.05


def need(idle: Counters, idle_s: float, loaded: Counters, loaded_s: float, jobs: int) -> RedisNeed:
    """What is left for each job of what clients have sent, when the idle service's rate is taken off."""
    calls, us = (
        {
            where: sum(getattr(used, what) for used in told.values())
            for where, told in (("idle", idle), ("loaded", loaded))
        }
        for what in ("calls", "us")
    )
    return RedisNeed(
        commands_a_job=(calls["loaded"] - calls["idle"] * loaded_s / idle_s) / jobs,
        us_a_job=(us["loaded"] - us["idle"] * loaded_s / idle_s) / jobs,
        commands_a_worker_s=calls["idle"] / idle_s,
        us_a_worker_s=us["idle"] / idle_s,
    )


def run_jobs(http: httpx.Client, count: int, steps: int) -> None:
    """One after the other, each followed to its end. Raises `RuntimeError` if one does not succeed."""
    content = body("complete", steps)
    for _ in range(count):
        answer = http.post("/v1/jobs", content=content.data, headers={"Content-Type": content.content_type})
        answer.raise_for_status()
        job = answer.json()
        while job["state"] in {"queued", "running"}:
            job = http.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=20"}).json()
        if job["state"] != "succeeded":
            raise RuntimeError(f"{job['id']} is {job['state']}: {job['error']}")
        time.sleep(PAUSE_S)


def measure(jobs: int, steps: int, idle_s: float, folder: Path) -> dict[str, object]:
    """The whole measurement, as it is written."""
    pace = Pace({1: CALL_S, 8: 2 * CALL_S}, {1: CALL_S, 4: 2 * CALL_S})
    fleet = Fleet(worker=(STUB_WORKER, "--pace", pace.dump()), environ={"INLAY_RATE_LIMIT_JOBS": "100000"})
    with (
        LoadedService(fleet, folder) as service,
        RedisCounters(service.connect()) as counters,
        httpx.Client(base_url=service.urls[0], timeout=60, trust_env=False) as http,
    ):
        run_jobs(http, 1, steps)
        first = counters.now()
        time.sleep(idle_s)
        second, began = counters.now(), time.monotonic()
        run_jobs(http, jobs, steps)
        loaded_s = time.monotonic() - began
        idle, loaded = first.until(second), second.until(counters.now())
    commands = {
        name: round(used.calls / jobs, 2) for name, used in sorted(loaded.items(), key=lambda pair: -pair[1].calls)
    }
    found = need(idle, idle_s, loaded, loaded_s, jobs)
    return {"jobs": jobs, "steps": steps, "need": asdict(found), "commands_a_job_with_idle": commands}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="inlay-redis-") as folder:
        report = measure(options.jobs, options.steps, options.idle_seconds, Path(folder))
    report["command"] = " ".join(["python -m deploy.simulation.redis_operations", *(arguments or sys.argv[1:])])
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
