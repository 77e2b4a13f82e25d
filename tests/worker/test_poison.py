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

from jobs.errors import FailureCode
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from tests.worker.bad_models import Evil
from tests.worker.conftest import LONG, PATIENCE_S, Bench, StartWorker, wait_for
from tests.worker.deadly_worker import POISON
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


def poisoned(record: JobRecord) -> bool:
    return record.error is not None and record.error.code is FailureCode.POISON_JOB


def one_after_the_other(records: list[JobRecord]) -> bool:
    spans = sorted((record.started_at, record.finished_at) for record in records if record.started_at)
    return all(later[0] >= earlier[1] for earlier, later in pairwise(spans) if earlier[1])


def test_of_eight_jobs_with_which_two_workers_died_only_the_guilty_one_fails(bench: Bench, settings: Settings) -> None:
    mates = [bench.submit(task="generate", steps=30) for _ in range(MATES)]  # longer than a sweep that requeues them
    guilty = bench.submit(task="generate", steps=10, prompt=POISON)
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
