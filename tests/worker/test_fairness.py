"""Callers share a real worker, and RQ's own tools tell the truth about what it does."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from jobs.connect import RedisClient
from jobs.record import JobState
from jobs.turns import Turn, evaluations
from tests.worker.conftest import Bench, StartWorker, wait_for

AT_ONCE = 2
LONG: dict[str, Any] = {"steps": 100, "solver": "newton", "inner_steps": 20}


def submit(bench: Bench, caller: str, **spec: Any) -> str:
    """As the API does it: on a caller's account, to its place."""
    record = bench.record(task="generate", width_px=64, height_px=64, **spec).model_copy(update={"caller": caller})
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

    jobs = [submit(bench, "one", **LONG) for _ in range(5)]
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
