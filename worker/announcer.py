"""Tells those who follow a job how far it is, beside the engine: bounded in rate, with previews for who wants them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from jobs.events import EventLog
from jobs.record import Progress
from worker.active import ActiveJob
from worker.patience import Patience
from worker.previews import LatentColors, encode_preview
from worker.side_threads import compute_alone

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _News:
    """The latest that is to be told of a job."""

    job: ActiveJob
    progress: Progress
    x0_hat: Tensor | None


class Announcer(threading.Thread):
    """Publishes the newest progress of each job, one event of a job every `interval_s` seconds at most.

    Whatever fails here costs an event and no job. Previews wait until `colors` is set.
    """

    def __init__(self, events: EventLog, patience: Patience, interval_s: float) -> None:
        super().__init__(name="announcer", daemon=True)
        self.colors: LatentColors | None = None
        self._events = events
        self._patience = patience
        self._interval_s = interval_s
        self._news: dict[str, _News] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def offer(self, job: ActiveJob, progress: Progress) -> None:
        """Have progress told that is in the record already; it replaces what has not been told yet."""
        with self._changed:
            self._news[job.id] = _News(job, progress, job.estimate)
            self._changed.notify()

    def stop(self) -> None:
        """End the thread and wait until it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """The thread's loop."""
        compute_alone()
        while (due := self._wait()) is not None:
            try:
                self._tell(due)
            except Exception:
                logger.exception("progress could not be told")

    def _wait(self) -> list[_News] | None:
        """What is due next; None in the end."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                due = [one for one in self._news.values() if self._due_at(one) <= now]
                if due:
                    for one in due:
                        del self._news[one.job.id]
                        one.job.announced_at = now
                    return due
                first = min((self._due_at(one) for one in self._news.values()), default=None)
                self._changed.wait(None if first is None else first - now)
        return None

    def _due_at(self, one: _News) -> float:
        return one.job.announced_at + self._interval_s

    def _tell(self, due: Sequence[_News]) -> None:
        nobody: set[str] = set()
        wanted = self._patience.attempt(lambda: self._events.previews_wanted([one.job.id for one in due]), nobody)
        for one in due:
            preview = self._preview(one) if one.job.id in wanted else None
            self._patience.attempt(partial(self._publish, one, preview), False)

    def _publish(self, one: _News, preview: bytes | None) -> bool:
        record = one.job.record
        return self._events.progress(
            record.id, one.progress, attempt=record.attempt, worker=record.worker, preview=preview
        )

    def _preview(self, one: _News) -> bytes | None:
        if self.colors is None or one.x0_hat is None:
            return None
        with torch.inference_mode():
            return encode_preview(self.colors.picture(one.x0_hat, one.job.preparing.result().plan.visible))
