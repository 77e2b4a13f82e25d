"""Jobs that kill their workers fail; those that ran beside them do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from jobs import keys
from jobs.connect import text
from jobs.errors import FailureCode
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from tests.worker.bad_models import Evil
from tests.worker.conftest import LONG, PATIENCE_S, Bench, StartWorker, wait_for
from tests.worker.deadly_worker import POISON
from worker.candidates import RESERVED_MS, Candidates
from worker.diffusers_model import DiffusersModel

ROOT = Path(__file__).parents[2]
MATES = 7


@contextmanager
def deadly_worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has loaded everything, and works when its standard input is closed."""
    told = {"redis_url": settings.redis_url.get_secret_value(), **settings.model_dump(exclude={"redis_url"})}
    environment = {f"INLAY_{name.upper()}": str(told[name]) for name in settings.model_fields_set}
    command = [sys.executable, "-m", "tests.worker.deadly_worker"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def submit_begun(bench: Bench, begun: int, **spec: Any) -> str:
    """A job that was begun so many times, by workers that have died."""
    record = bench.record(task="generate", **spec).model_copy(update={"attempt": begun})
    bench.store.create(record)
    bench.queue.requeue(record.id)
    return record.id


def is_running(record: JobRecord) -> bool:
    return record.state is JobState.RUNNING


def one_for_each(bench: Bench, workers: int) -> dict[str | None, str]:
    """A long job that runs in each worker, by the worker's name."""
    long: dict[str | None, str] = {}
    while len(long) < workers:
        job_id = bench.submit(**LONG)
        worker = bench.wait(job_id, is_running).worker
        if worker in long:  # the idle one was not there in time
            bench.store.request_cancel(job_id)
            bench.wait(job_id)
        else:
            long[worker] = job_id
    return long


def poisoned(record: JobRecord) -> bool:
    return record.error is not None and record.error.code is FailureCode.POISON_JOB


def one_after_the_other(records: list[JobRecord]) -> bool:
    spans = sorted((record.started_at, record.finished_at) for record in records if record.started_at)
    return all(later[0] >= earlier[1] for earlier, later in pairwise(spans) if earlier[1])


def test_of_eight_jobs_with_which_two_workers_died_only_the_guilty_one_fails(bench: Bench, settings: Settings) -> None:
    # Longer than a sweep that requeues them, and than the guilty one's life after all have been taken.
    mates = [bench.submit(task="generate", steps=100) for _ in range(MATES)]
    guilty = bench.submit(task="generate", steps=100, prompt=POISON)
    with ExitStack() as stack:
        lives = [stack.enter_context(deadly_worker(settings)) for _ in range(4)]
        for life in lives[:3]:
            begin(life)
            assert life.wait(PATIENCE_S) == -signal.SIGKILL
        begin(lives[3])
        assert poisoned(bench.wait(guilty))
        records = [bench.wait(job_id) for job_id in mates]
    assert {(record.state, record.attempt) for record in records} == {(JobState.SUCCEEDED, 3)}
    assert bench.get(guilty).attempt == 3
    assert one_after_the_other(records)


def test_jobs_beside_one_that_loses_the_device_every_time_are_done_without_it(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    mates = [bench.submit(steps=10) for _ in range(2)]
    guilty = bench.submit(prompt="break")
    broken = Evil(tiny_model, torch.AcceleratorError("CUDA error: illegal access"))
    while not bench.get(guilty).state.final:
        before = len(statuses)
        with start_worker(tiny_model=broken, max_attempts=2):
            wait_for(lambda before=before: len(statuses) > before)  # type: ignore[misc]  # mypy infers no default
    with start_worker(tiny_model=broken, max_attempts=2):
        records = [bench.wait(job_id) for job_id in mates]
    assert poisoned(bench.get(guilty))
    assert {(record.state, record.attempt) for record in records} == {(JobState.SUCCEEDED, 2)}
    assert len(statuses) == 3


def test_job_on_its_last_attempt_waits_for_an_empty_worker_and_nobody_joins_it(
    bench: Bench, start_worker: StartWorker
) -> None:
    last, after = submit_begun(bench, 2, steps=20), bench.submit()
    bench.queue.remove(last)
    bench.queue.remove(after)
    with start_worker() as worker:
        before = bench.submit(**LONG)
        bench.wait(before, is_running)
        bench.queue.enqueue(last)
        bench.queue.enqueue(after)
        calls = worker.presence().calls
        wait_for(lambda: worker.presence().calls > calls + 20)
        wait_for(lambda: bench.queue.rq.get_job_ids() == [last, after], lambda: str(bench.queue.rq.get_job_ids()))
        bench.store.request_cancel(before)
        records = [bench.wait(job_id) for job_id in (before, last, after)]
    assert [record.attempt for record in records] == [1, 3, 1]
    assert one_after_the_other(records)


def test_job_on_its_last_attempt_goes_to_the_worker_that_is_idle_and_the_other_goes_on(
    bench: Bench, start_worker: StartWorker
) -> None:
    with start_worker() as busy:
        long = bench.submit(**LONG)
        bench.wait(long, is_running)
        last = submit_begun(bench, 2, **LONG)
        with start_worker() as idle:
            assert bench.wait(last, is_running).worker == idle.name
            joining = bench.submit(steps=2)
            assert bench.wait(joining).worker == busy.name
            assert bench.get(last).state is bench.get(long).state is JobState.RUNNING
            for job_id in (long, last):
                bench.store.request_cancel(job_id)
                bench.wait(job_id)


def test_of_two_busy_workers_one_empties_itself_for_a_last_attempt_and_the_other_takes_what_comes(
    bench: Bench, start_worker: StartWorker
) -> None:
    with start_worker(), start_worker():
        long = one_for_each(bench, 2)
        last = submit_begun(bench, 2)
        wait_for(lambda: bench.redis.exists(keys.reservation(last)) == 1)
        holder = text(bench.redis.get(keys.reservation(last)))
        (other,) = long.keys() - {holder}
        assert {bench.wait(bench.submit()).worker for _ in range(3)} == {other}
        assert bench.get(last).state is JobState.QUEUED
        bench.store.request_cancel(long[holder])
        assert bench.wait(last).worker == holder
        assert bench.get(long[other]).state is JobState.RUNNING
        bench.store.request_cancel(long[other])
        wait_for(lambda: not bench.redis.exists(keys.reservation(last)))


def test_reservation_is_one_workers_and_ends_with_it(bench: Bench) -> None:
    last = submit_begun(bench, 2)
    one, two = (Candidates(bench.redis, bench.queue.rq.key, name) for name in ("one", "two"))
    (seen,) = one.look()
    assert seen.job is not None
    assert (seen.raw_id, seen.job.attempt, seen.reserved_for) == (last.encode(), 2, None)
    assert one.reserve(seen)
    assert not two.reserve(seen), "it has been reserved since it was looked at"
    (seen,) = two.look()
    assert seen.reserved_for == "one"
    assert not two.reserve(seen)
    assert one.reserve(seen)
    assert 0 < bench.redis.pttl(keys.reservation(last)) <= RESERVED_MS


def test_jobs_with_one_attempt_each_share_a_worker(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker(max_attempts=1):
        jobs = [bench.submit(**LONG) for _ in range(2)]
        for job_id in jobs:
            bench.wait(job_id, is_running)
        assert {bench.get(job_id).state for job_id in jobs} == {JobState.RUNNING}
        for job_id in jobs:
            bench.store.request_cancel(job_id)
            bench.wait(job_id)


def test_id_that_is_put_back_is_the_first_again_and_there_once(bench: Bench) -> None:
    first, second = bench.submit(), bench.submit()
    bench.redis.lmove(bench.queue.rq.key, bench.queue.rq.intermediate_queue_key)
    for _ in range(2):
        bench.queue.put_back(first)
        assert bench.queue.rq.get_job_ids() == [first, second]
    bench.redis.lmove(bench.queue.rq.key, bench.queue.rq.intermediate_queue_key)
    bench.queue.requeue(first)
    bench.queue.put_back(first)
    assert bench.queue.rq.get_job_ids() == [first, second]
