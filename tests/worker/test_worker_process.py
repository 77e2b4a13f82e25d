"""Real worker processes: killed, drained, cut off from Redis. Nothing that was accepted is lost."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from pydantic import SecretStr

from jobs.connect import RedisClient
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from jobs.workers import WorkerPresence, WorkerRegistry
from tests.redis_process import RedisProcess
from tests.worker.conftest import PATIENCE_S, Bench, StartWorker, wait_for
from worker.main import main

ROOT = Path(__file__).parents[2]
RESCUE_S = 10.0
"""After kill -9 another worker must have started the job within this."""


@contextmanager
def worker_process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m worker` with the given settings; killed at the end if it still lives."""
    changed = settings.model_dump(exclude_unset=True)
    environment = {f"INLAY_{name.upper()}": _plain(value) for name, value in changed.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker"],
        cwd=ROOT,
        env={**os.environ, **environment, "INLAY_LOG_FORMAT": "json"},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def wait_until_ready(redis: RedisClient) -> WorkerPresence:
    wait_for(lambda: bool(WorkerRegistry(redis).ready()))
    return WorkerRegistry(redis).ready()[0]


def test_nothing_is_lost_when_redis_restarts_and_the_worker_is_killed(
    bench: Bench, redis: RedisClient, settings: Settings, server: RedisProcess, start_worker: StartWorker
) -> None:
    production = settings.model_copy(update={"heartbeat_interval_s": 1.0, "worker_ttl_s": 5.0})
    with worker_process(production) as process:
        wait_until_ready(redis)
        ids = [bench.submit(steps=30, solver="newton", inner_steps=2, seed=number) for number in range(3)]
        for job_id in ids:
            bench.wait_for_step(job_id)
        server.kill()
        time.sleep(0.5)
        server.start()
        for job_id in ids:
            record = bench.wait(job_id)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)

        interrupted = bench.submit(steps=60, solver="newton", inner_steps=3)
        waiting = [bench.submit(seed=number) for number in range(2)]
        bench.wait_for_step(interrupted)
        process.kill()
        process.wait()
        killed_at = time.time()
        with start_worker(worker_ttl_s=5.0, heartbeat_interval_s=1.0):
            running = bench.wait(interrupted, lambda record: record.attempt == 2)
            assert running.started_at is not None
            assert running.started_at.timestamp() - killed_at < RESCUE_S
            for job_id in (interrupted, *waiting):
                assert bench.wait(job_id).state is JobState.SUCCEEDED
    assert bench.get(interrupted).attempt == 2
    # A worker killed between a job's end and RQ's books about it leaves an entry, which dies of its TTL.
    assert all(redis.ttl(key) > 0 for key in redis.keys("rq:job:*"))
    assert redis.keys(f"rq:job:{interrupted}") == []


def test_sigterm_gives_back_what_does_not_fit_and_exits_cleanly(
    bench: Bench, redis: RedisClient, settings: Settings
) -> None:
    with worker_process(settings.model_copy(update={"drain_grace_s": 0.5})) as process:
        wait_until_ready(redis)
        job_id = bench.submit(steps=100, solver="newton", inner_steps=20)
        bench.wait_for_step(job_id)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    record = bench.get(job_id)
    assert (record.state, record.attempt, record.progress) == (JobState.QUEUED, 0, None)
    assert bench.queue.rq.get_job_ids() == [job_id]
    assert WorkerRegistry(redis).alive() == []


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging, signal handlers and threads as they were before `main`."""
    root = logging.getLogger()
    handlers, level, threads = root.handlers[:], root.level, torch.get_num_threads()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    root.handlers, root.level = handlers, level
    torch.set_num_threads(threads)
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("restored")
def test_worker_without_a_model_says_so(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(settings.model_copy(update={"model": "nowhere"})) == 78
    assert "there is no folder nowhere" in capsys.readouterr().err


@pytest.mark.usefixtures("restored")
def test_life_of_a_worker_ends_with_a_signal(bench: Bench, redis: RedisClient, settings: Settings) -> None:
    job_id = bench.submit()
    record: list[JobRecord] = []

    def stop_when_done() -> None:
        record.append(bench.wait(job_id))
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=stop_when_done)
    watcher.start()
    assert main(settings) == 0
    watcher.join()
    assert record[0].state is JobState.SUCCEEDED
