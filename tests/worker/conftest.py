"""A tiny real model, a real Redis, and workers in threads of this process."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import SecretStr
from redis.exceptions import RedisError

from jobs import keys
from jobs.blobs import open_blobs
from jobs.connect import RedisClient, connect
from jobs.queue import JobQueue
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from jobs.spec import JOB_SPEC
from jobs.store import JobStore
from tests.redis_process import RedisProcess
from tests.worker.tiny_model import make_tiny_model
from worker.books import BookkeepingWorker
from worker.diffusers_model import DiffusersModel
from worker.model import load
from worker.resident import ResidentWorker

PATIENCE_S = 120.0
"""Nothing takes that long; machines that run these tests may be busy."""

ENGINE = "engine"
"""Name of the thread that runs a worker's engine."""

LONG: dict[str, Any] = {"steps": 100, "solver": "newton", "inner_steps": 20}
"""Thousands of evaluations: certainly still running when something happens to it."""


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Path) -> DiffusersModel:
    torch.set_num_threads(1)
    return load(Settings(model=str(tiny_folder), device="cpu"))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    with RedisProcess(append_only=True) as process:
        yield process


@pytest.fixture
def settings(server: RedisProcess, tiny_folder: Path) -> Settings:
    return Settings(
        redis_url=SecretStr(server.url),
        model=str(tiny_folder),
        heartbeat_interval_s=0.2,
        worker_ttl_s=2.5,
        redis_timeout_s=2.0,
        recovery_interval_s=0.2,
        recovery_grace_s=0.5,
        drain_grace_s=60.0,
        threads=1,
    )


@pytest.fixture
def redis(settings: Settings) -> Iterator[RedisClient]:
    client = connect(settings)
    client.flushall()
    with client:
        yield client


@pytest.fixture
def worker(settings: Settings, redis: RedisClient) -> BookkeepingWorker:
    return BookkeepingWorker(settings, redis)


@pytest.fixture
def queue(settings: Settings, redis: RedisClient) -> JobQueue:
    return JobQueue(redis, settings)


def noise_png(width_px: int, height_px: int, seed: int = 0, mode: str = "RGB") -> bytes:
    """A picture that no resampling or network could reproduce by chance."""
    shape = (height_px, width_px, 3) if mode == "RGB" else (height_px, width_px)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return png(Image.fromarray(pixels))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def half_mask(width_px: int, height_px: int) -> bytes:
    """The right half is painted anew."""
    mask = Image.new("L", (width_px, height_px), 0)
    mask.paste(255, (width_px // 2, 0, width_px, height_px))
    return png(mask)


def books(redis: RedisClient) -> list[bytes | str]:
    """What RQ still knows of jobs."""
    return redis.keys("rq:job:*") + redis.keys("rq:execution*") + redis.keys("rq:queue:*") + redis.keys("rq:wip:*")


class Bench:
    """What a client and the API do together: submit, look, wait."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self.redis = redis
        self.settings = settings
        self.store = JobStore(redis, settings)
        self.queue = JobQueue(redis, settings)
        self.blobs = open_blobs(settings, redis)
        self._count = 0

    def record(
        self, image: bytes | None = None, mask: bytes | None = None, reference: bytes | None = None, **spec: Any
    ) -> JobRecord:
        """A new record with its uploads stored, not yet accepted."""
        self._count += 1
        job_id = f"job-{self._count:08d}"
        inputs = {}
        for name, data in (("image", image), ("mask", mask), ("reference", reference)):
            if data is not None:
                inputs[name] = keys.blob(job_id, name)
                self.blobs.put(inputs[name], data, "image/png", ttl_s=3600)
        spec = {"task": "complete", "steps": 2, "inner_steps": 1, **spec}
        return JobRecord(id=job_id, spec=JOB_SPEC.validate_python(spec), seed=spec.get("seed", 5), inputs=inputs)

    def submit(
        self, image: bytes | None = None, mask: bytes | None = None, reference: bytes | None = None, **spec: Any
    ) -> str:
        """Accept a job: record first, then the queue. Without an image it is one of 64×64 noise."""
        if image is None and spec.get("task") not in {"generate", "style"}:
            image = noise_png(64, 64)
        record = self.record(image, mask, reference, **spec)
        self.store.create(record)
        self.queue.enqueue(record.id)
        return record.id

    def get(self, job_id: str) -> JobRecord:
        record = self.store.get(job_id)
        assert record is not None
        return record

    def wait(self, job_id: str, until: Callable[[JobRecord], bool] = lambda record: record.state.final) -> JobRecord:
        wait_for(lambda: until(self.get(job_id)), lambda: str(self.get(job_id)))
        return self.get(job_id)

    def wait_for_step(self, job_id: str, step: int = 1) -> JobRecord:
        return self.wait(job_id, lambda record: record.progress is not None and record.progress.step >= step)

    def result(self, record: JobRecord, number: int = 0) -> Image.Image:
        assert record.state is JobState.SUCCEEDED, record
        return Image.open(io.BytesIO(self.blobs.get(record.results[number].blob).data))


def wait_for(condition: Callable[[], bool], story: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s {story()}"
        time.sleep(0.02)


@pytest.fixture
def bench(redis: RedisClient, settings: Settings) -> Bench:
    return Bench(redis, settings)


StartWorker = Callable[..., AbstractContextManager[ResidentWorker]]


@pytest.fixture
def statuses() -> list[int]:
    """Exit statuses of the workers that `start_worker` has run, in the order in which they ended."""
    return []


@pytest.fixture
def start_worker(
    settings: Settings, redis: RedisClient, tiny_model: DiffusersModel, statuses: list[int]
) -> StartWorker:
    """Run a resident worker in a thread until the end of a `with` block, then drain it at once."""

    @contextmanager
    def run(**changes: Any) -> Iterator[ResidentWorker]:
        model = changes.pop("tiny_model", tiny_model)
        on_hang = changes.pop("on_hang", None)
        features = changes.pop("features", None)
        client = changes.pop("client", None)
        changed = settings.model_copy(update=changes)
        client = client or connect(changed, retries=1)
        worker = ResidentWorker(changed, client, model, features=features, on_hang=on_hang)
        thread = threading.Thread(target=lambda: statuses.append(worker.serve()), name=ENGINE)
        thread.start()
        try:
            yield worker
        finally:
            worker.request_drain()
            worker.request_drain()
            join_waking(thread, redis)

    return run


def join_waking(thread: threading.Thread, redis: RedisClient) -> None:
    """Wait for the end of a worker; one that just waits for a job looks up at once, not after a second."""
    deadline = time.monotonic() + PATIENCE_S
    while thread.is_alive():
        assert time.monotonic() < deadline
        with suppress(RedisError):  # a test may have ended the server
            for client in redis.client_list():
                if client["cmd"] == "blmove":
                    redis.client_unblock(int(client["id"]))
        thread.join(0.02)
