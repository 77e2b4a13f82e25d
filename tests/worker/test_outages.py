"""A worker that was suspended, and a Redis that goes away or is full at the worst moments: no job pays for it."""

from __future__ import annotations

import threading
import time

from redis.exceptions import OutOfMemoryError

from jobs.connect import RedisClient
from jobs.record import JobState
from jobs.workers import WorkerRegistry
from tests.redis_process import RedisProcess
from tests.worker.conftest import PATIENCE_S, Bench, StartWorker, wait_for
from worker.diffusers_model import DiffusersModel


class CutOff(DiffusersModel):
    """A model at whose first use in a preparing thread Redis goes away for a second."""

    def __init__(self, model: DiffusersModel, server: RedisProcess) -> None:
        self.__dict__.update(model.__dict__)
        self.model_name = model.name
        self.server = server
        self.cuts = 0
        self.back = threading.Event()

    @property
    def name(self) -> str:  # type: ignore[override]  # the model's is a plain attribute
        if threading.current_thread().name.startswith("finishing") and not self.cuts:
            self.cuts += 1
            self.server.stop()
            threading.Timer(1.0, self._restart).start()
        return self.model_name

    def _restart(self) -> None:
        self.server.start()
        self.back.set()


def test_job_survives_that_redis_goes_away_while_it_is_prepared(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, server: RedisProcess
) -> None:
    job_id = bench.submit()
    model = CutOff(tiny_model, server)
    with start_worker(tiny_model=model):
        assert model.back.wait(PATIENCE_S)
        record = bench.wait(job_id)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)


def test_worker_that_seems_dead_does_not_rescue_its_own_jobs(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    """As after SIGSTOP: its presence has expired, and its recovery is the first thread to run."""
    with start_worker(heartbeat_interval_s=60.0) as worker:
        job_id = bench.submit(steps=100)
        bench.wait_for_step(job_id)
        WorkerRegistry(redis).leave(worker.name)
        time.sleep(1.0)
        record = bench.wait(job_id)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)


def test_job_that_comes_back_to_a_worker_that_still_runs_it_is_run_once(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    """As after SIGSTOP: another worker has queued it again, and this one is the first to take it."""
    with start_worker() as worker:
        job_id = bench.submit(steps=60, solver="newton", inner_steps=3)
        bench.wait_for_step(job_id)
        bench.store.transition(job_id, JobState.QUEUED, expect={JobState.RUNNING})
        bench.queue.requeue(job_id)
        record = bench.wait(job_id)
        wait_for(lambda: not worker.job_ids())
        assert not worker.executions
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 2)
    assert redis.keys("rq:execution*") == redis.keys("rq:job:*") == []


def test_full_redis_fails_nothing(bench: Bench, start_worker: StartWorker, redis: RedisClient) -> None:
    with start_worker(worker_ttl_s=1.0) as worker:
        running = bench.submit(steps=30)
        waiting = bench.submit()
        bench.wait_for_step(running)
        redis.config_set("maxmemory", 1)
        try:
            wait_for(lambda: _is_full(redis))
            time.sleep(1.5)  # beyond its sign of life, which cannot be renewed
            assert worker.presence().evaluations > 0
        finally:
            redis.config_set("maxmemory", 0)
        for job_id in (running, waiting):
            record = bench.wait(job_id)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)


def _is_full(redis: RedisClient) -> bool:
    try:
        redis.set("inlay:test", 1, ex=1)
    except OutOfMemoryError:
        return True
    return False
