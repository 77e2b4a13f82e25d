"""Callers share a real worker, and RQ's own tools tell the truth about what it does."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from jobs.connect import RedisClient
from jobs.record import JobRecord, JobState
from jobs.turns import Turn, evaluations
from tests.worker.bad_models import Evil
from tests.worker.conftest import LONG, Bench, StartWorker, noise_png, wait_for
from worker.diffusers_model import DiffusersModel
from worker.intake import FULL_WAIT_S
from worker.resident import ResidentWorker

AT_ONCE = 2


def submit(bench: Bench, caller: str, *, long: bool = False, **spec: Any) -> str:
    """As the API does it: on a caller's account, to its place."""
    if long:
        record = bench.record(noise_png(64, 64), **LONG, **spec)
    else:
        record = bench.record(task="generate", width_px=64, height_px=64, **spec)
    record = record.model_copy(update={"caller": caller})
    bench.store.create(record)
    bench.queue.enqueue(record.id, Turn.of(record))
    return record.id


def test_one_job_beside_a_crowd_is_among_the_first_and_so_is_the_crowds_urgent_one(
    bench: Bench, start_worker: StartWorker
) -> None:
    crowd = [submit(bench, "crowd", seed=number) for number in range(30)]
    single = submit(bench, "single")
    urgent = submit(bench, "crowd", priority="high")
    with start_worker(max_batch=AT_ONCE):
        records = [bench.wait(job_id) for job_id in (*crowd, single, urgent)]
    assert {record.state for record in records} == {JobState.SUCCEEDED}
    ended = [record.id for record in sorted(records, key=lambda record: record.finished_at or record.created_at)]
    assert ended.index(single) < 2 * AT_ONCE
    assert ended.index(urgent) < 2 * AT_ONCE
    started = [record.id for record in sorted(records, key=lambda record: record.started_at or record.created_at)]
    assert started[:2] == [urgent, single]
    assert [job_id for job_id in started if job_id in crowd] == crowd


def is_running(record: JobRecord) -> bool:
    return record.state is JobState.RUNNING


def states(bench: Bench, job_ids: list[str]) -> list[JobState]:
    return [bench.get(job_id).state for job_id in job_ids]


def full_of(bench: Bench, caller: str) -> list[str]:
    """As many long jobs of a caller as there is room for, all running."""
    jobs = [submit(bench, caller, long=True) for _ in range(AT_ONCE)]
    for job_id in jobs:
        bench.wait(job_id, is_running)
    return jobs


def turn(worker: ResidentWorker) -> None:
    """Long enough for whatever may be taken to be taken."""
    calls = worker.presence().calls
    wait_for(lambda: worker.presence().calls > calls + 20)
    time.sleep(3 * FULL_WAIT_S)


def cancel(bench: Bench, job_ids: Iterable[str]) -> None:
    for job_id in job_ids:
        bench.store.request_cancel(job_id)
        bench.wait(job_id)


def test_caller_who_has_nothing_there_does_not_wait_for_whole_jobs_of_others(
    bench: Bench, start_worker: StartWorker
) -> None:
    with start_worker(max_batch=AT_ONCE):
        crowd = full_of(bench, "crowd")
        more = submit(bench, "crowd", long=True)
        single = submit(bench, "single")
        assert bench.wait(single).state is JobState.SUCCEEDED
        assert states(bench, crowd) == [JobState.RUNNING] * AT_ONCE
        assert bench.get(more).state is JobState.QUEUED
        cancel(bench, [more, *crowd])


def test_one_job_of_each_newcomer_is_let_in_and_no_more_than_twice_the_pictures(
    bench: Bench, start_worker: StartWorker
) -> None:
    with start_worker(max_batch=AT_ONCE) as worker:
        crowd = full_of(bench, "crowd")
        first = submit(bench, "first", long=True)
        bench.wait(first, is_running)
        again = submit(bench, "first", long=True)
        turn(worker)
        assert bench.get(again).state is JobState.QUEUED, "he has one here"
        cancel(bench, [again])
        large = submit(bench, "large", long=True, n=2)
        turn(worker)
        assert bench.get(large).state is JobState.QUEUED, "there is one picture left"
        cancel(bench, [large])
        second = submit(bench, "second", long=True)
        bench.wait(second, is_running)
        third = submit(bench, "third", long=True)
        turn(worker)
        assert bench.get(third).state is JobState.QUEUED, "there is none left"
        cancel(bench, crowd[:1])
        bench.wait(third, is_running)
        cancel(bench, [*crowd[1:], first, second, third])


def test_nobody_is_let_in_beyond_the_room_while_memory_is_short(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel
) -> None:
    with start_worker(max_batch=AT_ONCE, tiny_model=Evil(tiny_model, torch.OutOfMemoryError("full"))) as worker:
        assert bench.wait(submit(bench, "unlucky", prompt="break")).error is not None
        crowd = full_of(bench, "crowd")
        single = submit(bench, "single")
        turn(worker)
        assert bench.get(single).state is JobState.QUEUED
        cancel(bench, [single, *crowd])


def test_where_there_is_room_for_one_picture_nobody_joins_it(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker(max_batch=1) as worker:
        long = submit(bench, "one", long=True)
        bench.wait(long, is_running)
        other = submit(bench, "another")
        turn(worker)
        assert bench.get(other).state is JobState.QUEUED
        cancel(bench, [long])
        assert bench.wait(other).state is JobState.SUCCEEDED


def counted(worker: BaseWorker) -> tuple[int, int]:
    """Jobs that RQ counts as done and as failed by a worker."""
    return worker.successful_job_count, worker.failed_job_count


def test_rq_counts_what_succeeded_and_what_failed_and_no_job_that_was_canceled(
    bench: Bench, start_worker: StartWorker, redis: RedisClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with start_worker() as worker:
        canceled = bench.submit(**LONG)
        ended = [bench.submit(), bench.submit(), bench.submit(model="another/model")]
        bench.wait_for_step(canceled)
        bench.store.request_cancel(canceled)
        states = [bench.wait(job_id).state for job_id in (*ended, canceled)]
        wait_for(lambda: not worker.job_ids())
        assert [counted(one) for one in Worker.all(connection=redis)] == [(2, 1)]
    assert states == [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED]


def test_numbers_of_rq_info_are_true_while_jobs_run_and_after(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    rq = Queue(bench.settings.queue_name, connection=redis, serializer=JSONSerializer)

    def numbers() -> tuple[int, int, int, int]:
        """Jobs that wait, run, have failed, and are kept as finished."""
        registries = (rq.started_job_registry, rq.failed_job_registry, rq.finished_job_registry)
        return (rq.count, *(registry.count for registry in registries))

    jobs = [submit(bench, "one", long=True) for _ in range(5)]
    assert numbers() == (5, 0, 0, 0)
    with start_worker(max_batch=AT_ONCE) as worker:
        for job_id in jobs[:AT_ONCE]:
            bench.wait_for_step(job_id)
        assert numbers() == (3, 2, 0, 0)
        assert set(rq.started_job_registry.get_job_ids()) == set(jobs[:AT_ONCE])
        wait_for(lambda: [one.get_state() for one in Worker.all(queue=rq)] == ["busy"])
        bench.store.request_cancel(jobs[0])
        bench.wait_for_step(jobs[2])
        wait_for(lambda: numbers() == (2, 2, 0, 0), lambda: str(numbers()))
        for job_id in jobs[3:]:
            bench.queue.remove(job_id)
            bench.store.request_cancel(job_id)
        for job_id in jobs[1:3]:
            bench.store.request_cancel(job_id)
        wait_for(lambda: not worker.job_ids())
        assert numbers() == (0, 0, 0, 0)
        wait_for(lambda: [one.get_state() for one in Worker.all(queue=rq)] == ["idle"])
        assert {bench.get(job_id).state for job_id in jobs} == {JobState.CANCELED}
        assert [counted(one) for one in Worker.all(queue=rq)] == [(0, 0)]
    assert Worker.count(queue=rq) == 0


def test_a_job_takes_the_evaluations_that_its_caller_is_charged(bench: Bench, start_worker: StartWorker) -> None:
    asked: list[dict[str, Any]] = [
        {"steps": 3},
        {"steps": 3, "inner_steps": 0},
        {"steps": 2, "solver": "newton", "inner_steps": 4, "n": 2},
        {"steps": 2, "solver": "newton", "inner_steps": 2, "guidance_scale": 3.0},
        {"task": "upscale", "steps": 2},
        {"task": "generate", "steps": 4, "width_px": 64, "height_px": 64},
    ]
    ids = [bench.submit(**spec) for spec in asked]
    with start_worker():
        records = [bench.wait(job_id) for job_id in ids]
    taken = [record.timings.nfe for record in records if record.timings is not None]
    assert taken == [evaluations(record.spec) for record in records] == [6, 3, 36, 20, 4, 8]
