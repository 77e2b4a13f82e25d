"""Redis with an append-only file, the API and any number of workers: a process each, on the embedded model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from inlay import Client
from inlay.models import Job
from jobs.connect import connect, text
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.workers import WorkerRegistry
from tests.app.service import ROOT, ApiProcess
from tests.redis_process import RedisProcess

WORKER_SETTINGS = {
    "INLAY_MODEL": "models/scenes-128",
    "INLAY_HEARTBEAT_INTERVAL_S": "0.5",
    "INLAY_WORKER_TTL_S": "3",
    "INLAY_REDIS_TIMEOUT_S": "2",
    "INLAY_RECOVERY_INTERVAL_S": "0.5",
}
READY_S = 180.0


class Deployment:
    """The service on loopback::

    with Deployment() as service:
        service.have_workers(1)
        service.client.complete(...)
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.workers: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.redis = self._stack.enter_context(RedisProcess(append_only=True))
        self.api = self._stack.enter_context(ApiProcess(redis_url=self.redis.url))
        settings = Settings(redis_url=SecretStr(self.redis.url))
        self._redis = self._stack.enter_context(connect(settings))
        self._store, self._registry = JobStore(self._redis, settings), WorkerRegistry(self._redis)
        self.client = self._stack.enter_context(Client(str(self.api.client.base_url)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.wait(timeout=30)
        self._stack.close()

    def have_workers(self, count: int) -> None:
        """Start what is missing of so many workers, and return when they are warm and take jobs."""
        missing = count - sum(worker.poll() is None for worker in self.workers.values())
        environ = os.environ | WORKER_SETTINGS | {"INLAY_REDIS_URL": self.redis.url, "INLAY_THREADS": _threads(count)}
        for _ in range(missing):
            worker = subprocess.Popen([sys.executable, "-m", "worker"], cwd=ROOT, env=environ)
            self.workers[worker.pid] = worker
        living = {pid for pid, worker in self.workers.items() if worker.poll() is None}
        deadline = time.monotonic() + READY_S
        while not living <= {self._pid(one.name) for one in self._registry.ready()}:
            assert all(self.workers[pid].poll() is None for pid in living), "a worker ended"
            assert time.monotonic() < deadline, "a worker does not get ready"
            time.sleep(0.1)
        self.wait_until_ready()

    def _pid(self, name: str) -> int:
        """Process id of the worker of a name, which it has chosen by itself; 0 if it is gone."""
        return int(text(self._redis.hget(f"rq:worker:{name}", "pid") or b"0"))

    def worker_of(self, job_id: str) -> subprocess.Popen[bytes]:
        """The worker process that runs a job."""
        record = self._store.get(job_id)
        assert record is not None
        assert record.worker is not None
        return self.workers[self._pid(record.worker)]

    def wait_until_ready(self) -> None:
        """Returns when `/readyz` says so."""
        deadline = time.monotonic() + READY_S
        while self.api.client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, self.api.client.get("/readyz").text
            time.sleep(0.1)

    def wait_for_step(self, job_id: str, step: int) -> Job:
        """Waits until a running job has done `step` steps."""
        deadline = time.monotonic() + READY_S
        while (job := self.client.get(job_id)).progress.step < step:
            assert time.monotonic() < deadline, job
            assert job.state in {"queued", "running"}, job
            time.sleep(0.02)
        return job


def _threads(workers: int) -> str:
    """Threads of each: more than there are cores would keep each other waiting, and take many times as long."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return str(max(1, len(os.sched_getaffinity(0)) // (workers * beside)))
