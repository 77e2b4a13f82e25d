"""Redis without room: what a worker has sampled waits for it."""

from __future__ import annotations

import time

from jobs.connect import RedisClient
from jobs.record import JobState
from tests.worker.conftest import Bench, StartWorker


def test_finished_job_waits_for_room_and_succeeds(bench: Bench, redis: RedisClient, start_worker: StartWorker) -> None:
    with start_worker() as worker:
        job_id = bench.submit(steps=20)
        bench.wait_for_step(job_id)
        redis.config_set("maxmemory", 1)
        try:
            while worker._runner.ids:
                time.sleep(0.05)
            time.sleep(0.5)
            assert bench.get(job_id).state is JobState.RUNNING
        finally:
            redis.config_set("maxmemory", 0)
        record = bench.wait(job_id)
        assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
        assert bench.result(record).size == (64, 64)
