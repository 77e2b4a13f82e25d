"""A device that is lost or hangs ends its worker; the jobs go on elsewhere."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode
from jobs.record import JobState
from jobs.workers import WorkerRegistry
from tests.worker.bad_models import Evil, Hung, HungBeside, Unprepared
from tests.worker.conftest import LONG, PATIENCE_S, Bench, StartWorker, noise_png, wait_for
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


def test_worker_that_can_take_no_more_jobs_ends_and_gives_back_those_that_it_has(
    bench: Bench, start_worker: StartWorker, statuses: list[int], redis: RedisClient
) -> None:
    running, next_one = bench.submit(**LONG), bench.record()
    with start_worker():
        bench.wait_for_step(running)
        redis.hset(keys.reservation(next_one.id), "no", "text")
        bench.store.create(next_one)
        bench.queue.enqueue(next_one.id)
        wait_for(lambda: bool(statuses))
    assert statuses == [EXIT_FAILED]
    assert [(bench.get(job_id).state, bench.get(job_id).attempt) for job_id in (running, next_one.id)] == [
        (JobState.QUEUED, 1),
        (JobState.QUEUED, 0),
    ]


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


def test_text_encoder_that_hangs_is_noticed_although_the_engine_goes_on(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, redis: RedisClient
) -> None:
    model, noticed = HungBeside(tiny_model), threading.Event()
    with start_worker(tiny_model=model, stall_timeout_s=1.5, worker_ttl_s=1.0, on_hang=noticed.set) as worker:
        running = bench.submit(**LONG)
        bench.wait_for_step(running)
        assert not noticed.is_set()
        model.hangs = True
        hung = bench.submit()
        assert noticed.wait(PATIENCE_S)
        calls = worker.presence().calls
        wait_for(lambda: worker.presence().calls > calls + 5)
        wait_for(lambda: WorkerRegistry(redis).alive() == [])
        model.hangs = False
        bench.store.request_cancel(running)
        assert bench.wait(hung).state is JobState.SUCCEEDED


def test_network_of_styles_that_hangs_is_noticed(bench: Bench, start_worker: StartWorker) -> None:
    noticed, hangs = threading.Event(), threading.Event()
    hangs.set()

    def features(image: Tensor) -> tuple[Tensor, ...]:
        wait_for(lambda: not hangs.is_set())
        return (image.flatten(1).T,)

    with start_worker(features=features, stall_timeout_s=1.5, on_hang=noticed.set):
        job_id = bench.submit(reference=noise_png(64, 64), task="style")
        assert noticed.wait(PATIENCE_S)
        hangs.clear()
        assert bench.wait(job_id).state is JobState.SUCCEEDED
