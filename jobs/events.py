"""What happened to a job, in order: a Redis stream each, which many may follow and read again from any place.

The changes of a record write their own events (`jobs.scripts.ANNOUNCE`); progress is added here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jobs import keys, scripts
from jobs.connect import RedisClient, text
from jobs.record import JobState, Progress

EventId: TypeAlias = tuple[int, int]
"""Place in a stream: milliseconds since 1970, and a number among the events of that millisecond. Ids only grow."""

BEFORE_ALL: EventId = (0, 0)
WANTED_S = 30
"""How long previews are made for a job after somebody has asked for them."""

ENDS = frozenset({JobState.SUCCEEDED.value, JobState.FAILED.value, JobState.CANCELED.value})


@dataclass(frozen=True)
class Event:
    """`name` is `queued`, `started`, `progress` or a final state; `data` always has `attempt`: how often
    the job had been started, None if it was deleted.

    `progress` has the fields of `Progress` as well, and perhaps a `preview` (WebP); `failed` has `error`.
    """

    id: EventId
    name: str
    data: Mapping[str, Any]
    preview: bytes | None = None

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self.name in ENDS


def event_id(raw: str) -> EventId:
    """Read `1700000000000-0`. Raises `ValueError`."""
    time_ms, number = raw.split("-")
    return int(time_ms), int(number)


class EventLog:
    """The streams of all jobs."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._progress = scripts.Script(redis, scripts.ANNOUNCE_PROGRESS)
        self._deleted = scripts.Script(redis, scripts.ANNOUNCE_DELETED)

    def progress(
        self, job_id: str, progress: Progress, *, attempt: int, worker: str | None, preview: bytes | None = None
    ) -> bool:
        """Add progress; False, and nothing is added, if this attempt of `worker` does not run the job any more."""
        data = {"attempt": attempt, **progress.model_dump()}
        owner = "" if worker is None else json.dumps(worker)
        return bool(
            self._progress(
                keys=[keys.job(job_id), keys.events(job_id)],
                args=[attempt, owner, json.dumps(data), preview or b""],
            )
        )

    def past(self, job_id: str) -> list[Event]:
        """All events so far, oldest first; none if there is no such job any more."""
        entries: Any = self._redis.xrange(keys.events(job_id))
        return [_event(*entry) for entry in entries]

    def later(self, after: Mapping[str, EventId], *, wait_ms: int) -> dict[str, list[Event]]:
        """Events after the given ones, by job; waits up to `wait_ms` until there is any."""
        streams: dict[Any, Any] = {keys.events(job_id): f"{time}-{n}" for job_id, (time, n) in after.items()}
        answer: Any = self._redis.xread(streams, block=wait_ms) or []
        found = dict(answer)
        entries = {job_id: found.get(keys.events(job_id).encode(), ()) for job_id in after}
        return {job_id: [_event(*entry) for entry in some] for job_id, some in entries.items() if some}

    def kept(self, job_ids: Collection[str]) -> set[str]:
        """Those of the jobs whose record is still there."""
        return self._existing({job_id: keys.job(job_id) for job_id in job_ids})

    def want_previews(self, job_ids: Collection[str]) -> None:
        """Ask for previews of these jobs for the next 30 seconds."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.set(keys.previews(job_id), 1, ex=WANTED_S)
            pipe.execute()

    def previews_wanted(self, job_ids: Collection[str]) -> set[str]:
        """Those of the jobs whose previews somebody wants to see now."""
        return self._existing({job_id: keys.previews(job_id) for job_id in job_ids})

    def tell_deleted(self, job_id: str) -> None:
        """Let those who follow a job know that it is gone: for a minute its stream says `canceled` and nothing else."""
        self._deleted(keys=[keys.events(job_id)], args=[])

    def _existing(self, names: Mapping[str, str]) -> set[str]:
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names.values():
                pipe.exists(name)
            answers = pipe.execute()
        return {job_id for job_id, there in zip(names, answers, strict=True) if there}


def _event(raw_id: bytes | str, fields: Mapping[bytes, bytes]) -> Event:
    return Event(
        id=event_id(text(raw_id)),
        name=text(fields[b"event"]),
        data=json.loads(fields[b"data"]),
        preview=fields.get(b"preview") or None,
    )
