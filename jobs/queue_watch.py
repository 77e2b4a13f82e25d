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
"""Jobs at the head of the queue whose age is read. A job that lost its worker is put in front of older ones. And
webhooks whose next attempt is the furthest: pauses grow with each attempt, so the oldest are among them, or nearly."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueFigures:
    """The queue at one moment; ages are 0 where there is nothing, `memory_max_bytes` where Redis has no bound."""

    waiting: int
    unfinished: int
    upload_bytes: int
    oldest_age_s: float
    oldest_unfinished_age_s: float
    workers: tuple[WorkerPresence, ...]
    webhooks_pending: int
    webhook_age_s: float
    memory_used_bytes: int
    memory_max_bytes: int


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
            return self._figures_now()
        except RedisError as error:
            logger.warning("the queue could not be read", extra={"error": str(error)})
            return None

    def _figures_now(self) -> QueueFigures:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.llen(self._queue.rq.key)
            pipe.lrange(self._queue.rq.key, 0, LOOKED_AT - 1)
            pipe.zcard(keys.ACTIVE)
            pipe.zrange(keys.ACTIVE, 0, 0, withscores=True)
            pipe.hget(keys.UPLOADS, "total")
            pipe.zcard(keys.DELIVERIES)
            pipe.zrange(keys.DELIVERIES, -LOOKED_AT, -1)
            pipe.info("memory")
            waiting, head, unfinished, first, upload_bytes, pending, deliveries, memory = pipe.execute()
        queued_at = self._values([keys.job(text(raw)) for raw in head], "created_at")
        webhooks_at = self._values([keys.delivery(text(raw)) for raw in deliveries], "made_at")
        return QueueFigures(
            waiting=int(waiting),
            unfinished=int(unfinished),
            upload_bytes=int(upload_bytes or 0),
            oldest_age_s=_oldest_s([datetime.fromisoformat(json.loads(raw)).timestamp() for raw in queued_at]),
            oldest_unfinished_age_s=_oldest_s([score for _, score in first]),
            workers=tuple(self._workers.alive()),
            webhooks_pending=int(pending),
            webhook_age_s=_oldest_s([float(raw) for raw in webhooks_at]),
            memory_used_bytes=int(memory["used_memory"]),
            memory_max_bytes=int(memory["maxmemory"]),
        )

    def _values(self, hashes: list[str], field: str) -> list[bytes]:
        """A field of each of these hashes that has it."""
        with self._redis.pipeline(transaction=False) as pipe:
            for name in hashes:
                pipe.hget(name, field)
            return [raw for raw in pipe.execute() if raw is not None]


def _oldest_s(moments: list[float]) -> float:
    """Seconds since the first of these Unix times."""
    return max(0.0, time.time() - min(moments)) if moments else 0.0
