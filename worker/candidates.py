"""The jobs at the front of the queue, looked at before one of them is taken; and who empties himself for which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from jobs import keys
from jobs.connect import RedisClient, text
from jobs.scripts import Script

LOOK_AT = 16
"""Jobs: the first of a caller who has none running is among the very first, as the queue is in the order of turns."""

RESERVED_MS = 2000
"""A reservation is made anew several times in that; it ends with the worker that made it."""

LOOK = """
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[3]) - 1)) do
  local job = redis.pcall('HMGET', ARGV[1] .. id, 'state', 'attempt', 'caller', 'spec')
  if job.err then job = {false, false, false, false} end
  found[#found + 1] = {id, redis.call('GET', ARGV[2] .. id), unpack(job)}
end
return found
"""

RESERVE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Candidate:
    """An entry of the queue. What cannot be read, is not there or does not wait has no `job`."""

    raw_id: bytes
    job: WaitingJob | None
    reserved_for: str | None
    """Name of the worker that takes nothing more until it may take this one."""


@dataclass(frozen=True)
class WaitingJob:
    """What matters of a job for who may take it."""

    attempt: int
    """How often it was begun."""
    caller: str
    pictures: int


class Candidates:
    """Looks at the list `queue_key` for the worker `name`."""

    def __init__(self, redis: RedisClient, queue_key: str, name: str) -> None:
        self._queue_key = queue_key
        self._name = name
        self._look, self._reserve = Script(redis, LOOK), Script(redis, RESERVE)

    def look(self) -> list[Candidate]:
        """The first few, in order; one round trip."""
        found = self._look(keys=[self._queue_key], args=[keys.job(""), keys.reservation(""), LOOK_AT])
        return [
            Candidate(raw_id, _waiting(fields), None if holder is None else text(holder))
            for raw_id, holder, *fields in found
        ]

    def reserve(self, candidate: Candidate) -> bool:
        """Empty this worker for a job, or go on doing so; False if another one does. Whoever is empty may take it."""
        if candidate.reserved_for not in (None, self._name):
            return False
        key = keys.reservation(text(candidate.raw_id))
        return bool(self._reserve(keys=[key], args=[self._name, RESERVED_MS]))


def _waiting(fields: Sequence[bytes | None]) -> WaitingJob | None:
    try:
        state, attempt, caller, spec = (json.loads(value or b"null") for value in fields)
        return WaitingJob(int(attempt), str(caller), int(spec["n"])) if state == "queued" else None
    except (ValueError, TypeError, KeyError):
        return None
