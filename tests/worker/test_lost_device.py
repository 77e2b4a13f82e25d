"""A device that is lost or hangs ends its worker; the jobs go on elsewhere."""

from __future__ import annotations

import threading

import torch

from jobs.connect import RedisClient
from jobs.errors import FailureCode
from jobs.record import JobState
from jobs.workers import WorkerRegistry
from tests.worker.bad_models import Evil, Hung, Unprepared
from tests.worker.conftest import LONG, PATIENCE_S, Bench, StartWorker, wait_for
from worker.diffusers_model import DiffusersModel
from worker.resident import EXIT_FAILED


def test_device_lost_while_preparing_ends_the_worker_too(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    job_id = bench.submit(prompt="break")
    with start_worker(tiny_model=Unprepared(tiny_model)):
        wait_for(lambda: bool(statuses))
    assert statuses == [EXIT_FAILED]
    assert (bench.get(job_id).state, bench.get(job_id).attempt) == (JobState.QUEUED, 1)


def test_job_that_loses_the_device_every_time_fails_as_poison(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    job_id = bench.submit(prompt="break")
    for attempt in (1, 2):
        with start_worker(tiny_model=Unprepared(tiny_model), max_attempts=2):
            wait_for(lambda attempt=attempt: len(statuses) == attempt)  # type: ignore[misc]  # mypy infers no default
    record = bench.get(job_id)
    assert (record.state, record.attempt) == (JobState.FAILED, 2)
    assert record.error is not None
    assert record.error.code is FailureCode.POISON_JOB
    assert bench.queue.depth() == 0


def test_lost_device_ends_the_worker_and_gives_the_jobs_back(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    broken, other = bench.submit(prompt="break"), bench.submit(**LONG)
    with start_worker(tiny_model=Evil(tiny_model, torch.AcceleratorError("CUDA error: illegal access"))):
        wait_for(lambda: bool(statuses))
    assert statuses == [EXIT_FAILED]
    for job_id in (broken, other):
        assert (bench.get(job_id).state, bench.get(job_id).attempt) == (JobState.QUEUED, 1)
    assert bench.queue.depth() == 2


def test_worker_that_hangs_gives_no_sign_of_life_and_ends(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, redis: RedisClient
) -> None:
    model, noticed = Hung(tiny_model), threading.Event()
    registry = WorkerRegistry(redis)
    with start_worker(tiny_model=model, stall_timeout_s=1.5, worker_ttl_s=1.0, on_hang=noticed.set):
        wait_for(lambda: bool(registry.ready()))
        assert not noticed.is_set()
        model.hangs = True
        job_id = bench.submit()
        assert noticed.wait(PATIENCE_S)
        wait_for(lambda: registry.alive() == [])
        model.hangs = False
        assert bench.wait(job_id).state is JobState.SUCCEEDED
