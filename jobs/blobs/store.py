"""What every blob store does, and how one that is away is told from a blob that is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Blob:
    """Bytes and what they are."""

    data: bytes
    content_type: str


class BlobStore(Protocol):
    """Uploaded and finished pictures under the keys that `jobs.keys.blob` makes: the job's id first, then a name."""

    def put(self, key: str, data: bytes, content_type: str, *, ttl_s: int) -> None:
        """Store or replace a blob. It is kept for `ttl_s` seconds, or as long as its job where the store has no TTL.

        Raises:
            BlobsAway, RedisError: the store does not take it now; nothing of it counts as stored.
        """
        ...

    def get(self, key: str) -> Blob:
        """The blob stored under `key`.

        Raises:
            BlobMissing: it never was, was deleted, or has expired.
            BlobsAway, RedisError: the store does not answer now.
        """
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs; missing ones are no error.

        A store outside Redis that is away is no error either: what is left expires with its job (`BlobSweep`).
        """
        ...

    def is_short(self) -> bool:
        """Whether there is so little room that no new job should be accepted, as far as the store itself can tell."""
        ...

    def check(self) -> None:
        """Ask whether the store answers. Raises `BlobsAway`, `RedisError`."""
        ...

    def presigned(self, key: str, *, life_s: int, content_type: str, file_name: str) -> str | None:
        """An address from which anybody may fetch the blob for `life_s` seconds; None where the store has no such.

        It answers with that content type, and with that file name to save the picture under. Raises `BlobsAway`.
        """
        ...
