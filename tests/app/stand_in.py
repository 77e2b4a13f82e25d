"""Plays the worker through the job store, as the real one does: presence, claim, progress, result, final state."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from typing import ClassVar

from PIL import Image

from jobs import keys
from jobs.blobs import open_blobs
from jobs.connect import connect
from jobs.errors import FailureCode
from jobs.events import EventLog
from jobs.queue import JobQueue
from jobs.record import Failure, JobRecord, JobState, Progress, Quality, Result, Timings, UnderstoodInput
from jobs.settings import Settings
from jobs.spec import TASKS
from jobs.store import JobStore
from jobs.workers import GLANCE_S, WorkerPresence, WorkerRegistry, WorkerState


class StandIn:
    """One worker, moved by hand."""

    seen: ClassVar[dict[str, WorkerPresence]] = {}
    """By Redis: what API processes may remember for a moment."""

    def __init__(self, settings: Settings, name: str = "stand-in") -> None:
        self.settings = settings
        self.name = name
        self.redis = connect(settings)
        self.store = JobStore(self.redis, settings)
        self.queue = JobQueue(self.redis, settings)
        self.blobs = open_blobs(settings, self.redis)
        self.workers = WorkerRegistry(self.redis)
        self.events = EventLog(self.redis)

    def appear(
        self,
        *,
        ttl_s: float = 3600,
        state: WorkerState = WorkerState.READY,
        max_batch: int = 8,
        tasks: Sequence[str] = TASKS,
    ) -> None:
        """Gives a sign of life that lasts; returns when API processes see it, if they have seen another one before."""
        presence = WorkerPresence(
            name=self.name,
            state=state,
            model="scenes-128",
            native_size_px=128,
            tasks=list(tasks),
            device="cpu",
            max_batch=max_batch,
        )
        self.workers.beat(presence, ttl_s=ttl_s)
        url = self.settings.redis_url.get_secret_value()
        if StandIn.seen.setdefault(url, presence) != presence:
            time.sleep(GLANCE_S)
            StandIn.seen[url] = presence

    def vanish(self) -> None:
        """Leaves; returns when API processes see that."""
        self.workers.leave(self.name)
        time.sleep(GLANCE_S)

    def start(self, job_id: str) -> JobRecord:
        """Takes a job off the queue."""
        self.queue.remove(job_id)
        return self.store.claim(job_id, self.name)

    def report(self, record: JobRecord, step: int, eta_s: float | None = None, *, preview: bytes | None = None) -> None:
        """Reports a step, and tells those who follow."""
        progress = Progress(step=step, steps=record.spec.steps, eta_s=eta_s)
        assert self.store.report_progress(record.id, progress, attempt=record.attempt)
        assert self.events.progress(record.id, progress, attempt=record.attempt, worker=record.worker, preview=preview)

    def finish(self, record: JobRecord) -> list[bytes]:
        """Stores n pictures and succeeds; returns their bytes."""
        pictures, results = [], []
        size = _result_size(record.input) if record.input else (128, 128)
        kind = record.spec.output.format
        for index in range(record.spec.n):
            buffer = io.BytesIO()
            Image.new("RGB", size, (index, 100, 200)).save(buffer, kind)
            key = keys.blob(record.id, f"result-{index}")
            self.blobs.put(key, buffer.getvalue(), f"image/{kind}", ttl_s=self.settings.result_ttl_s)
            pictures.append(buffer.getvalue())
            results.append(
                Result(
                    blob=key,
                    content_type=f"image/{kind}",
                    width_px=size[0],
                    height_px=size[1],
                    bytes=len(buffer.getvalue()),
                )
            )
        self.store.transition(
            record.id,
            JobState.SUCCEEDED,
            expect={JobState.RUNNING},
            results=results,
            timings=Timings(queue_s=0.1, run_s=1.5, nfe=record.spec.steps),
            quality=Quality(known_region_max_abs_diff=0, residual=0.01),
        )
        self.store.record_service_time(1.5)
        return pictures

    def give_back(self, record: JobRecord) -> None:
        """Dies, and the recovery queues the job again."""
        self.store.transition(record.id, JobState.QUEUED, expect={JobState.RUNNING})
        self.queue.requeue(record.id)

    def fail(self, record: JobRecord) -> None:
        """Gives up."""
        error = Failure(code=FailureCode.DIVERGED, detail="The sampler diverged.")
        self.store.transition(record.id, JobState.FAILED, expect={JobState.RUNNING}, error=error)

    def close(self) -> None:
        """Disconnects."""
        self.redis.close()


def _result_size(understood: UnderstoodInput) -> tuple[int, int]:
    width, height = understood.result_width_px, understood.result_height_px
    return width or understood.width_px, height or understood.height_px
