"""Which workers are alive and warmed: a presence record each, kept alive by heartbeats."""

from __future__ import annotations

import time
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from jobs import keys, scripts
from jobs.connect import RedisClient, text

SEEN_TTL_S = 86400
GLANCE_S = 0.2
"""How old the workers of a `Glance` may be."""


class WorkerState(StrEnum):
    """Life of a worker; it takes jobs in the second state only."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class WorkerPresence(BaseModel):
    """What a worker tells about itself with every heartbeat."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    state: WorkerState
    model: str = Field(description="Model id that clients may ask for.")
    native_size_px: int = Field(description="Side of the square that the model was trained on.")
    tasks: list[str] = Field(
        default=["complete", "inpaint", "generate"], description="What it can do; workers that do not tell do these."
    )
    device: str
    max_batch: int = Field(description="Pictures that it samples at once.")
    running: int = Field(0, description="Jobs that it has taken and not yet finished.")
    calls: int = Field(0, description="Network calls since the start.")
    evaluations: int = Field(0, description="Network evaluations since the start; several share a call.")
    batch_rows: int = Field(0, description="Rows of the largest useful call of the network, measured at start.")
    largest_batch: int = Field(0, description="Most evaluations that shared a call.")


class WorkerRegistry:
    """Presence records of all workers. Only Redis's clock counts: those of the hosts may differ."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._beat = scripts.Script(redis, scripts.BEAT)

    def beat(self, presence: WorkerPresence, *, ttl_s: float) -> None:
        """Announce a worker for the next `ttl_s` seconds."""
        self._beat(
            keys=[keys.worker(presence.name), keys.WORKER_SEEN, keys.WORKERS],
            args=[presence.name, presence.model_dump_json(), int(ttl_s * 1000), SEEN_TTL_S],
        )

    def leave(self, name: str) -> None:
        """Withdraw a worker at once."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.worker(name))
            pipe.zrem(keys.WORKERS, name)
            pipe.execute()

    def alive(self) -> list[WorkerPresence]:
        """Presence of every worker that gave a sign of life lately, by name."""
        names = self._redis.zrange(keys.WORKERS, 0, -1)
        if not names:
            return []
        answers = self._redis.mget([keys.worker(name) for name in sorted(map(text, names))])
        return [WorkerPresence.model_validate_json(answer) for answer in answers if answer is not None]

    def last_seen(self) -> float | None:
        """Unix time, by this host's clock, of the last sign of life of any worker; None if there was none for a day."""
        raw = self._redis.get(keys.WORKER_SEEN)
        if raw is None:
            return None
        seconds, microseconds = self._redis.time()
        return time.time() - (seconds + microseconds / 1e6 - float(text(raw)))

    def ready(self) -> list[WorkerPresence]:
        """The workers that take jobs now."""
        return [presence for presence in self.alive() if presence.state is WorkerState.READY]


class Glance:
    """The workers that are alive, as they were a moment ago: who looks often asks Redis five times a second.

    Where there was none it asks each time, so that the first one is seen at once. Threads may share it.
    """

    def __init__(self, registry: WorkerRegistry) -> None:
        self._registry = registry
        self._seen: tuple[float, list[WorkerPresence]] = (float("-inf"), [])

    def alive(self) -> list[WorkerPresence]:
        """As `WorkerRegistry.alive`."""
        looked_at, workers = self._seen
        now = time.monotonic()
        if not workers or now - looked_at >= GLANCE_S:
            workers = self._registry.alive()
            self._seen = (now, workers)
        return workers
