"""A thousand followers on one API process: nobody misses anything, and nobody else waits. Needs two idle cores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import median, quantiles

import httpx
import pytest

from tests.app.crowd import Crowd
from tests.app.service import ApiProcess
from tests.app.sse import names
from tests.app.stand_in import StandIn

JOBS, FOLLOWERS_OF_EACH, STEPS, PACE_S = 100, 10, 20, 1.0
STATUS_P99_MS = 50.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_followers_hear_everything_and_status_stays_quick(
    api: ApiProcess, http: httpx.Client, worker: StandIn
) -> None:
    jobs = [http.post("/v1/jobs", json={"task": "generate", "steps": STEPS}).json() for _ in range(JOBS)]
    paths = [job["links"]["self"] for job in jobs]
    before = asked(http, paths, until=lambda: True)
    crowd = Crowd(api, [job["links"]["events"] for job in jobs for _ in range(FOLLOWERS_OF_EACH)])
    played = threading.Thread(target=play, args=(worker, [job["id"] for job in jobs]))
    played.start()
    meanwhile = asked(http, paths, until=lambda: not played.is_alive())
    played.join()
    heard = crowd.heard()
    whole = ["queued", "started", *(f"progress {step}" for step in range(1, STEPS + 1)), "succeeded"]
    assert sum(names(one) != whole for one in heard) == 0
    assert len(heard) == JOBS * FOLLOWERS_OF_EACH
    assert p99(meanwhile) < STATUS_P99_MS, (
        f"median and p99 {median(meanwhile):.1f} and {p99(meanwhile):.1f} ms, "
        f"without followers {median(before):.1f} and {p99(before):.1f} ms"
    )


def asked(http: httpx.Client, paths: list[str], until: Callable[[], bool]) -> list[float]:
    """Milliseconds of status requests, one after the other with a pause, 200 at least."""
    times_ms: list[float] = []
    while len(times_ms) < 200 or not until():
        begun = time.perf_counter()
        assert http.get(paths[len(times_ms) % len(paths)]).status_code == 200
        times_ms.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.02)
    return times_ms


def p99(times_ms: list[float]) -> float:
    return quantiles(times_ms, n=100)[98]


def play(worker: StandIn, job_ids: list[str]) -> None:
    """All jobs at once, step by step, as a pool of workers would."""
    records = [worker.start(job_id) for job_id in job_ids]
    for step in range(1, STEPS + 1):
        for record in records:
            worker.report(record, step)
            time.sleep(PACE_S / JOBS)
    for record in records:
        worker.finish(record)
