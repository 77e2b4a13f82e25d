"""Blobs in Redis, beside the records."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.blobs.store import Blob
from jobs.connect import RedisClient, text
from jobs.errors import BlobMissing


class RedisBlobStore:
    """Blobs in Redis, each with a TTL. What goes wrong is a `RedisError`; how full Redis is tells `MemoryGauge`."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def put(self, key: str, data: bytes, content_type: str, *, ttl_s: int) -> None:
        """Store or replace a blob; it disappears after `ttl_s` seconds."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            pipe.hset(key, mapping={"data": data, "content_type": content_type})
            pipe.expire(key, ttl_s)
            pipe.execute()

    def get(self, key: str) -> Blob:
        """The blob stored under `key`.

        Raises:
            BlobMissing: it never was, was deleted, or has expired.
        """
        data, content_type = self._redis.hmget(key, ["data", "content_type"])
        if data is None or content_type is None:
            raise BlobMissing(key)
        return Blob(data if isinstance(data, bytes) else data.encode(), text(content_type))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs; missing ones are no error."""
        names = list(keys)
        if names:
            self._redis.unlink(*names)

    def is_short(self) -> bool:
        """False: the gauge of Redis's memory counts blobs with everything else."""
        return False

    def check(self) -> None:
        """Raises `RedisError` if Redis does not answer."""
        self._redis.ping()

    def presigned(self, key: str, *, life_s: int, content_type: str, file_name: str) -> str | None:
        """None: nobody but the service may talk to Redis."""
        return None
