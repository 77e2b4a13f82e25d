"""What an operator wants to know of the queue, at a bounded price: a handful of commands, at most once a second."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError

from jobs import keys
from jobs.connect import connect, text
from jobs.queue import JobQueue
from jobs.settings import Settings
from jobs.workers import WorkerPresence, WorkerRegistry

LOOK_AGAIN_S = 1.0
PATIENCE_S = 1.0
"""Of each command: whoever scrapes would rather learn that Redis is away than wait for it."""

LOOKED_AT = 16
"""Jobs at the head of the queue whose age is read. A job that lost its worker is put in front of older ones."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueFigures:
    """The queue at one moment; `oldest_age_s` is 0 when no job waits."""

    waiting: int
    unfinished: int
    oldest_age_s: float
    workers: tuple[WorkerPresence, ...]


class QueueWatch:
    """Reads the figures over a connection of its own. Threads may share it; only one of them asks Redis at a time."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.model_copy(update={"redis_timeout_s": PATIENCE_S}), retries=0)
        self._queue = JobQueue(self._redis, settings)
        self._workers = WorkerRegistry(self._redis)
        self._asking = threading.Lock()
        self._looked_at = float("-inf")
        self._figures: QueueFigures | None = None

    def read(self) -> QueueFigures | None:
        """The figures, at most a second old; None while Redis does not answer."""
        with self._asking:
            if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
                self._figures = self._ask()
                self._looked_at = time.monotonic()
            return self._figures

    def close(self) -> None:
        """Disconnect."""
        self._redis.close()

    def _ask(self) -> QueueFigures | None:
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.llen(self._queue.rq.key)
                pipe.zcard(keys.ACTIVE)
                pipe.lrange(self._queue.rq.key, 0, LOOKED_AT - 1)
                waiting, unfinished, head = pipe.execute()
            ages_s = self._ages_s([text(raw) for raw in head])
            return QueueFigures(int(waiting), int(unfinished), max(ages_s, default=0.0), tuple(self._workers.alive()))
        except RedisError as error:
            logger.warning("the queue could not be read", extra={"error": str(error)})
            return None

    def _ages_s(self, job_ids: list[str]) -> list[float]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hget(keys.job(job_id), "created_at")
            answers = pipe.execute()
        now = time.time()
        made = [datetime.fromisoformat(json.loads(raw)).timestamp() for raw in answers if raw is not None]
        return [max(0.0, now - one) for one in made]
