"""What a queue entry may be: the one function we run, by job id, as small JSON, with no callbacks."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job

from jobs.queue import RUN_JOB
from jobs.scripts import Script
from worker.errors import RefusedEntry

ENTRY_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
"""Ids of our jobs; whatever else stands in the queue is no job of ours."""

LARGEST_BYTES = 16 * 2**10
"""Of an entry as Redis holds it, and of its payload unpacked. Ours have about 600 bytes."""

MOST_FIELDS = 64

READ = """
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then return 'fields' end
local size = 0
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  size = size + #name + redis.call('HSTRLEN', KEYS[1], name)
end
if size > tonumber(ARGV[1]) then return 'bytes' end
return redis.call('HGETALL', KEYS[1])
"""
"""Measures an entry where it lies, so that a huge one never reaches a worker."""

KEPT_FIELDS = frozenset(
    {
        *(b"data", b"status", b"origin", b"timeout", b"ttl", b"result_ttl", b"failure_ttl", b"worker_name"),
        *(b"created_at", b"enqueued_at", b"started_at", b"ended_at", b"last_heartbeat"),
    }
)
"""What RQ's books need. No callbacks, webhooks, dependencies, retries, limits, results, nothing that is unpacked."""


class AllowedJob(Job):
    """RQ's job with everything taken away that could make a worker import, call, unpack or post anything.

    Whoever can write to the queue could otherwise have any function of any installed package called, as an entry names
    it by its dotted path, and so do callbacks; webhooks would be posted to any address; a few packed kilobytes would
    become gigabytes.
    """

    def refresh(self) -> None:
        """Read the entry from Redis.

        Raises:
            NoSuchJobError: there is none.
            RefusedEntry: it is larger than any of ours.
        """
        found = Script(self.connection, READ)(keys=[self.key], args=[LARGEST_BYTES, MOST_FIELDS])
        if isinstance(found, bytes):
            raise RefusedEntry(f"the entry has too many {found.decode()}")
        if not found:
            raise NoSuchJobError(f"no entry {self.id}")
        self.restore(dict(zip(found[::2], found[1::2], strict=True)))

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take over the fields that are needed, and leave all others.

        Raises:
            RefusedEntry: the payload would unpack to more than any of ours.
        """
        kept = {name: value for name, value in raw_data.items() if name in KEPT_FIELDS}
        data = _unpacked(kept.pop(b"data", b""))
        super().restore({**kept, b"data": b""})  # RQ would unpack it, whatever comes of it
        self.data = data

    @classmethod
    def checked(cls, entry: Job) -> AllowedJob:
        """The entry, if it asks to run the job of its own id.

        Raises:
            RefusedEntry: it is something else, or no JSON.
        """
        try:
            asked = entry.func_name, entry.instance, entry.args, entry.kwargs
        except (DeserializationError, TypeError, ValueError) as error:
            raise RefusedEntry("the entry is no JSON of ours") from error
        if not isinstance(entry, cls) or asked != (RUN_JOB, None, [entry.id], {}):
            raise RefusedEntry("the entry asks for something else than to run its job")
        return entry

    @property
    def func(self) -> None:
        """Nothing: an entry is never called, the worker runs its own function."""
        return

    def perform(self) -> None:
        """Refuse; the resident worker gives jobs to its engine and never calls this.

        Raises:
            RefusedEntry: always.
        """
        raise RefusedEntry("entries are not called")


def _unpacked(packed: bytes) -> bytes:
    """A payload unpacked, or as it is where it was not packed."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, LARGEST_BYTES)
    except zlib.error:
        return packed
    if not unpacking.eof:
        raise RefusedEntry("the entry's payload is cut short or unpacks to too much")
    return data
