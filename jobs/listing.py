"""A caller's jobs, newest first, page by page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs import keys
from jobs.connect import RedisClient, text
from jobs.errors import RecordUnreadable
from jobs.reading import as_record
from jobs.record import JobRecord, JobState

logger = logging.getLogger(__name__)

FILTERED_BATCH = 100
MOST_LOOKED_AT = 1000
"""Jobs that one page may look at to find those in the asked state."""


@dataclass(frozen=True)
class Page:
    """Some jobs, and the place on the list after which the next ones come; None at its end."""

    records: list[JobRecord]
    next_place: int | None


class CallerJobs:
    """Reads the lists that `Admission` writes. New jobs come in front, so pages further back stay what they are."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def page(self, caller: str, *, limit: int, state: JobState | None = None, after: int | None = None) -> Page:
        """Up to `limit` jobs that come after the place `after`, of the given state if there is one.

        A page may have fewer jobs, even none, before the end of the list is reached: then `next_place` is not None.
        Records that cannot be read are left out.
        """
        found: list[tuple[int, JobRecord]] = []
        batch = limit + 1 if state is None else FILTERED_BATCH
        looked_at, place = 0, after
        while looked_at < MOST_LOOKED_AT:
            entries = self._entries(caller, place, batch)
            records = self._records(caller, [job_id for job_id, _ in entries])
            for (_, place), record in zip(entries, records, strict=True):  # goes on from the last one
                if record is not None and state in {None, record.state}:
                    found.append((place, record))
                if len(found) > limit:
                    return Page([one for _, one in found[:limit]], found[limit - 1][0])
            if len(entries) < batch:
                return Page([one for _, one in found], None)
            looked_at += batch
        return Page([one for _, one in found], place)

    def _entries(self, caller: str, after: int | None, count: int) -> list[tuple[str, int]]:
        top = "+inf" if after is None else f"({after}"
        answer: Any = self._redis.zrevrangebyscore(
            keys.caller(caller, "jobs"), top, "-inf", start=0, num=count, withscores=True
        )
        return [(text(job_id), int(place)) for job_id, place in answer]

    def _records(self, caller: str, job_ids: list[str]) -> list[JobRecord | None]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            answers = pipe.execute()
        expired = [job_id for job_id, answer in zip(job_ids, answers, strict=True) if not answer]
        if expired:
            self._redis.zrem(keys.caller(caller, "jobs"), *expired)
        return [_readable(job_id, answer) for job_id, answer in zip(job_ids, answers, strict=True)]


def _readable(job_id: str, answer: Mapping[bytes | str, bytes | str]) -> JobRecord | None:
    try:
        return as_record(job_id, answer)
    except RecordUnreadable:
        logger.warning("record cannot be read", extra={"job_id": job_id})
        return None
