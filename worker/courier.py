"""Carries between the engine and the records, so that the engine never waits for Redis."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping

from redis.exceptions import RedisError

from jobs.connect import RedisClient
from jobs.exchange import ProgressReport, exchange
from jobs.record import Progress
from worker.active import ActiveJob
from worker.announcer import Announcer
from worker.patience import Patience

logger = logging.getLogger(__name__)

LOOK_S = 0.02
"""Between two round trips while jobs run: no longer than an evaluation of any network that is worth a worker."""
AFTER_FAILURE_S = 1.0


class Courier(threading.Thread):
    """Writes the newest progress of each job that runs, and reads who shall stop, all in one round trip at a time.

    Progress that is written is told by `announcer`. Whatever fails here costs no job. All methods but `run` are for the
    engine's thread, and none of them waits.
    """

    def __init__(self, redis: RedisClient, patience: Patience, announcer: Announcer) -> None:
        super().__init__(name="courier", daemon=True)
        self._redis = redis
        self._patience = patience
        self._announcer = announcer
        self._changed = threading.Condition()
        self._followed: dict[str, ActiveJob] = {}
        self._news: dict[ActiveJob, Progress] = {}
        self._canceled: set[ActiveJob] = set()
        self._lost: set[ActiveJob] = set()
        self._stopping = False

    def follow(self, job: ActiveJob) -> None:
        """Look after a job from now on."""
        with self._changed:
            self._followed[job.id] = job
            self._changed.notify()

    def forget(self, job: ActiveJob) -> None:
        """The job runs here no more; what has not been written of it is not written."""
        with self._changed:
            self._news.pop(job, None)
            self._canceled.discard(job)
            self._lost.discard(job)
            if self._followed.get(job.id) is job:
                del self._followed[job.id]

    def post(self, job: ActiveJob, progress: Progress) -> None:
        """Have progress written; it replaces what has not been written yet."""
        with self._changed:
            self._news[job] = progress

    def orders(self) -> tuple[set[ActiveJob], set[ActiveJob]]:
        """Jobs that clients have canceled or deleted, and jobs that others own by now; to be forgotten."""
        with self._changed:
            canceled, lost = self._canceled, self._lost
            self._canceled, self._lost = set(), set()
        return canceled, lost

    def stop(self) -> None:
        """End the thread and wait until it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """The thread's loop."""
        while self._wait():
            began = time.monotonic()
            try:
                self._patience.attempt(self._go, None)
            except Exception:
                logger.exception("the records of running jobs could not be reached")
                time.sleep(AFTER_FAILURE_S)
            time.sleep(max(0.0, began + LOOK_S - time.monotonic()))

    def _wait(self) -> bool:
        """Until there is somebody to look after; False in the end."""
        with self._changed:
            while not (self._followed or self._stopping):
                self._changed.wait()
            return not self._stopping

    def _go(self) -> None:
        with self._changed:
            news, self._news = self._news, {}
            followed = dict(self._followed)
        reports = [ProgressReport(job.id, news[job], job.record.attempt, job.record.worker) for job in news]
        try:
            owned, stopped = exchange(self._redis, reports, list(followed))
        except Exception:
            self._post_again(news)
            raise
        answers = dict(zip(news, owned, strict=True))
        with self._changed:
            self._lost |= self._still(job for job, answer in answers.items() if answer is False)
            self._canceled |= self._still(followed[job_id] for job_id in stopped)
        for job, answer in answers.items():
            if answer is True:
                self._announcer.offer(job, news[job])
            elif isinstance(answer, RedisError):
                # Nothing that Redis says about a report is worth a job.
                logger.warning("progress could not be written", extra={"job_id": job.id, "error": str(answer)})

    def _post_again(self, news: Mapping[ActiveJob, Progress]) -> None:
        with self._changed:
            self._news = {job: news[job] for job in self._still(news)} | self._news

    def _still(self, jobs: Iterable[ActiveJob]) -> set[ActiveJob]:
        """Those that were not forgotten during the round trip."""
        return {job for job in jobs if self._followed.get(job.id) is job}
