"""Queue entries that workers refused, put aside for whoever wants to know what was tried."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from jobs import keys
from jobs.connect import REDIS_FULL, RedisClient, text

KEPT = 100
"""Entries; whoever can write to the queue shall not fill Redis by way of what is refused."""

SHOWN_BYTES = 512
"""Of an entry's payload."""


class RefusedEntry(BaseModel):
    """One refused entry. Nothing in it was decoded, unpacked or looked up: it is for reading only."""

    model_config = ConfigDict(frozen=True)

    entry_id: str = Field(max_length=256, description="What stood in the queue where a job's id should, cut short.")
    why: str
    worker: str
    refused_at: datetime
    payload: str = Field("", description="The beginning of what it asked for; bytes that are no text are escaped.")
    payload_bytes: int = 0


class RefusedEntries:
    """The last refused entries, newest first: `redis-cli lrange inlay:refused_entries 0 -1` shows them, too."""

    def __init__(self, redis: RedisClient, *, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    def put(self, raw_id: bytes, why: str, worker: str, payload: bytes = b"", payload_bytes: int | None = None) -> None:
        """Keep one; when Redis is full it is not kept. `payload_bytes` is its length where `payload` was cut short."""
        entry = RefusedEntry(
            entry_id=text(raw_id[:64]),
            why=why,
            worker=worker,
            refused_at=datetime.now(UTC),
            payload=text(payload[:SHOWN_BYTES]),
            payload_bytes=len(payload) if payload_bytes is None else payload_bytes,
        )
        with suppress(REDIS_FULL), self._redis.pipeline(transaction=True) as pipe:
            pipe.lpush(keys.REFUSED_ENTRIES, entry.model_dump_json())
            pipe.ltrim(keys.REFUSED_ENTRIES, 0, KEPT - 1)
            pipe.expire(keys.REFUSED_ENTRIES, self._ttl_s)
            pipe.execute()

    def all(self) -> list[RefusedEntry]:
        """Those that are kept."""
        return [RefusedEntry.model_validate(json.loads(raw)) for raw in self._redis.lrange(keys.REFUSED_ENTRIES, 0, -1)]
