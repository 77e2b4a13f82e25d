"""Progress goes out and cancels come in beside the engine, which waits for nobody."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from rq.serializers import JSONSerializer

from jobs.connect import RedisClient
from jobs.events import EventLog
from jobs.exchange import ProgressReport, exchange
from jobs.record import JobState, Progress
from tests.redis_process import RedisProcess
from tests.worker.conftest import ENGINE, LONG, Bench, StartWorker, wait_for
from tests.worker.counting import counting
from worker.active import ActiveJob
from worker.announcer import Announcer
from worker.courier import LOOK_S, Courier
from worker.entries import AllowedJob
from worker.patience import Patience

ME = "me"


def active(bench: Bench) -> ActiveJob:
    """A job that this worker has claimed."""
    job_id = bench.submit(steps=10)
    entry = AllowedJob.checked(AllowedJob.fetch(job_id, connection=bench.redis, serializer=JSONSerializer))
    return ActiveJob(bench.store.claim(job_id, ME), entry, None, Future())


@contextmanager
def running(redis: RedisClient, patience: Patience | None = None) -> Iterator[Courier]:
    patience = patience or Patience()
    courier = Courier(redis, patience, Announcer(EventLog(redis), patience, 0.0))
    courier.start()
    try:
        yield courier
    finally:
        courier.stop()


def step(bench: Bench, job: ActiveJob) -> int:
    progress = bench.get(job.id).progress
    return 0 if progress is None else progress.step


def test_engine_waits_for_no_answer_of_redis_from_the_first_evaluation_to_the_last(
    bench: Bench, start_worker: StartWorker
) -> None:
    client, trips = counting(bench.settings)
    with start_worker(client=client) as worker:
        first = bench.submit(**LONG)
        bench.wait_for_step(first)
        before = Counter(trips)
        others = [bench.submit(seed=number, steps=5, n=2) for number in range(3)]
        canceled = bench.submit(**LONG)
        for job_id in others:
            assert bench.wait(job_id).state is JobState.SUCCEEDED
        bench.wait_for_step(canceled)
        for job_id in (canceled, first):
            bench.store.request_cancel(job_id)
            assert bench.wait(job_id).state is JobState.CANCELED
        wait_for(lambda: not worker.job_ids())
        spent = trips - before
    assert spent[ENGINE] == 0, spent
    assert min(spent["courier"], spent["intake"], spent["announcer"]) > 0, spent


def test_jobs_share_the_round_trips_of_the_courier(bench: Bench) -> None:
    client, trips = counting(bench.settings)
    jobs = [active(bench) for _ in range(5)]
    with running(client) as courier:
        for job in jobs:
            courier.follow(job)
        began = time.monotonic()
        for number in range(1, 11):
            for job in jobs:
                courier.post(job, Progress(step=number, steps=10))
            time.sleep(2 * LOOK_S)
        wait_for(lambda: {step(bench, job) for job in jobs} == {10})
        handshake = 5
        assert trips["courier"] <= handshake + (time.monotonic() - began) / LOOK_S


def test_who_shall_stop_is_told_and_why_until_he_is_forgotten(bench: Bench) -> None:
    canceled, deleted, lost, mine = (active(bench) for _ in range(4))
    with running(bench.redis) as courier:
        for job in (canceled, deleted, lost, mine):
            courier.follow(job)
        bench.store.request_cancel(canceled.id)
        bench.store.delete(deleted.id)
        bench.store.transition(lost.id, JobState.QUEUED, expect={JobState.RUNNING})
        bench.store.claim(lost.id, "another")
        for job in (lost, mine):
            courier.post(job, Progress(step=1, steps=10))
        stopped: set[ActiveJob] = set()
        gone: set[ActiveJob] = set()

        def both() -> bool:
            some, others = courier.orders()
            stopped.update(some)
            gone.update(others)
            return len(stopped) == 2 and len(gone) == 1

        wait_for(both)
        assert (stopped, gone) == ({canceled, deleted}, {lost})
        assert step(bench, mine) == 1
        for job in (canceled, deleted, lost):
            courier.forget(job)
        assert courier.orders() == (set(), set())
        time.sleep(5 * LOOK_S)  # beyond the answer to a look that had begun
        assert courier.orders() == (set(), set())


def test_progress_outlives_an_outage_but_not_its_job(bench: Bench, server: RedisProcess) -> None:
    kept, left = active(bench), active(bench)
    patience = Patience()
    with running(bench.redis, patience) as courier:
        server.stop()
        for job in (kept, left):
            courier.follow(job)
            courier.post(job, Progress(step=3, steps=10))
        for _ in range(2):
            before = patience.gone_at
            wait_for(lambda before=before: patience.gone_at > before)  # type: ignore[misc]  # mypy infers no default
        courier.forget(left)
        server.start()
        wait_for(lambda: step(bench, kept) == 3)
        assert step(bench, left) == 0


def test_courier_of_an_idle_worker_is_silent_and_stops_at_once(bench: Bench) -> None:
    client, trips = counting(bench.settings)
    with running(client) as courier:
        job = active(bench)
        courier.follow(job)
        wait_for(lambda: trips["courier"] > 0)
        courier.forget(job)
        time.sleep(2 * LOOK_S)
        before = trips["courier"]
        time.sleep(5 * LOOK_S)
        assert trips["courier"] == before
    assert not courier.is_alive()
    assert "courier" not in {thread.name for thread in threading.enumerate()}


def test_record_of_another_kind_costs_the_others_nothing(bench: Bench, redis: RedisClient) -> None:
    job = active(bench)
    redis.set("inlay:job:job-of-no-kind", "no hash")
    report = Progress(step=2, steps=10)
    reports = [ProgressReport("job-of-no-kind", report, 1, ME), ProgressReport(job.id, report, 1, ME)]
    (refused, owned), stopped = exchange(redis, reports, ["job-of-no-kind", job.id, "job-deleted"])
    assert isinstance(refused, Exception)
    assert owned is True
    assert stopped == {"job-deleted"}
    assert step(bench, job) == 2


@pytest.mark.parametrize("steps", [1, 7])
def test_record_of_a_job_that_succeeded_has_all_its_steps(bench: Bench, start_worker: StartWorker, steps: int) -> None:
    with start_worker():
        record = bench.wait(bench.submit(steps=steps))
    assert record.progress is not None
    assert (record.progress.step, record.progress.steps, record.progress.eta_s) == (steps, steps, 0.0)
