"""Uploaded and finished pictures as bytes under their own keys, never in job arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.connect import RedisClient, text
from jobs.errors import BlobMissing


@dataclass(frozen=True)
class Blob:
    """Bytes and what they are."""

    data: bytes
    content_type: str


class RedisBlobStore:
    """Blobs in Redis, each with a TTL."""

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
