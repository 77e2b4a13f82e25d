"""Half pictures through Redis and a resident worker, as users' jobs go, but for HTTP."""

from __future__ import annotations

import io
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from inlay.redis_server import redis_command
from jobs import keys
from jobs.blobs import open_blobs
from jobs.connect import connect
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.settings import Settings
from jobs.spec import JOB_SPEC
from jobs.store import JobStore
from training.scenes import make_scene
from worker.diffusers_model import DiffusersModel
from worker.resident import ResidentWorker
from worker.shelf import Shelf

POLL_S = 0.05
SCENES = 64
"""Different uploads; the drawing of one costs more than the sending."""


def seconds_served(model: DiffusersModel, base: Settings, count: int) -> float:
    """Seconds from the first claim of `count` half pictures that wait already to the last one's final state."""
    with tempfile.TemporaryDirectory() as folder, _redis(Path(folder)) as url:
        settings = base.model_copy(update={"redis_url": SecretStr(url)})
        redis = connect(settings)
        shelf = Shelf(JobStore(redis, settings), JobQueue(redis, settings), open_blobs(settings, redis))
        ids = [submit(shelf, seed, model.native_size_px) for seed in range(count)]
        worker = ResidentWorker(settings, connect(settings, retries=1), model)
        with ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(_wait, shelf.store, ids, worker.request_drain)
            worker.serve()  # in this thread, as in a worker's process
            records = waiting.result()
    started = [record.started_at for record in records if record.started_at]
    finished = [record.finished_at for record in records if record.finished_at]
    return (max(finished) - min(started)).total_seconds()


def submit(shelf: Shelf, seed: int, side_px: int) -> str:
    """Put a half picture of its own seed on the queue, as the API would; returns its id."""
    record = _record(seed)
    shelf.blobs.put(record.inputs["image"], _png(seed % SCENES, side_px), "image/png", ttl_s=3600)
    shelf.store.create(record)
    shelf.queue.enqueue(record.id)
    return record.id


def _record(seed: int) -> JobRecord:
    job_id = f"bench-{seed:06d}"
    spec = JOB_SPEC.validate_python({"task": "complete", "steps": 20, "prompt": make_scene(seed)[0].caption})
    return JobRecord(id=job_id, spec=spec, seed=seed, inputs={"image": keys.blob(job_id, "image")})


@cache
def _png(seed: int, side: int) -> bytes:
    buffer = io.BytesIO()
    make_scene(seed)[1].resize((side, side)).save(buffer, "PNG")
    return buffer.getvalue()


def _wait(store: JobStore, ids: list[str], at_the_end: Callable[[], None]) -> list[JobRecord]:
    """The final records; raises `RuntimeError` if a job failed."""
    try:
        return _final(store, ids)
    finally:
        at_the_end()


def _final(store: JobStore, ids: list[str]) -> list[JobRecord]:
    left, done = list(ids), []
    while left:
        time.sleep(POLL_S)
        record = store.get(left[-1])
        if record is None or not record.state.final:
            continue
        if record.error is not None:
            raise RuntimeError(f"{record.id} failed: {record.error.detail}")
        done.append(record)
        left.pop()
    return done


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    socket = folder / "redis.sock"
    server = subprocess.Popen(redis_command(folder, socket), stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(POLL_S)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()
