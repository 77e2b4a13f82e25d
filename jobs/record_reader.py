"""Looking at job records and at the index of active jobs; nothing here changes a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from rq import Queue

from jobs import keys
from jobs.connect import RedisClient, text
from jobs.errors import RecordUnreadable
from jobs.reading import as_attempt, as_claim, as_record
from jobs.record import ActiveClaim, JobRecord
from jobs.settings import Settings


class RecordReader:
    """The half of `JobStore` that only reads."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings

    def get(self, job_id: str) -> JobRecord | None:
        """The record, or None if there is none (any more).

        Raises:
            RecordUnreadable: another version has written it; so do all methods that return records.
        """
        return as_record(job_id, self._redis.hgetall(keys.job(job_id)))

    def state(self, job_id: str) -> str | None:
        """The state alone, of a record that need not be readable; None if there is none."""
        raw = self._redis.hget(keys.job(job_id), "state")
        return None if raw is None else str(json.loads(raw))

    def begun(self, job_id: str) -> int:
        """How often a job that waits was begun; 0 if it does not wait, or that cannot be read."""
        state, attempt = self._redis.hmget(keys.job(job_id), ["state", "attempt"])
        try:
            return as_attempt(job_id, attempt) if state == b'"queued"' else 0
        except RecordUnreadable:
            return 0

    def input_blobs(self, job_id: str) -> list[str]:
        """Keys of the uploads, of a record that need not be readable."""
        raw = self._redis.hget(keys.job(job_id), "inputs")
        return [] if raw is None else list(json.loads(raw).values())

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """Records in the order of the ids, None where there is none."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            answers = pipe.execute()
        return [as_record(job_id, answer) for job_id, answer in zip(job_ids, answers, strict=True)]

    def owners(self, job_id: str) -> tuple[str | None, str | None]:
        """Caller of the job that there is, and of the one that there is or was; in one look, whatever the answer."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hget(keys.job(job_id), "caller")
            pipe.get(keys.tombstone(job_id))
            now, ever = pipe.execute()
        return None if now is None else str(json.loads(now)), None if ever is None else text(ever)

    def expired(self, job_id: str) -> str | None:
        """Caller of a job whose record has expired, or None if there never was one or it was deleted."""
        now, ever = self.owners(job_id)
        return ever if now is None else None

    def cancel_requested_at(self, job_id: str) -> datetime | None:
        """When a client first asked to cancel the job while it ran, by the clock of the API process that was asked."""
        raw = self._redis.hget(keys.job(job_id), "cancel_requested_at")
        moment = None if raw is None else json.loads(raw)
        return None if moment is None else datetime.fromisoformat(moment)

    def cancel_requested(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the jobs that should stop: a client canceled or deleted them."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hmget(keys.job(job_id), ["state", "cancel_requested"])
            answers = pipe.execute()
        return {
            job_id
            for job_id, (state, mark) in zip(job_ids, answers, strict=True)
            if state is None or state == b'"canceled"' or mark == b"true"
        }

    def active_ids(self) -> list[str]:
        """Ids of all jobs that are not final, oldest first."""
        return [text(raw) for raw in self._redis.zrange(keys.ACTIVE, 0, -1)]

    def active_claims(self) -> list[ActiveClaim]:
        """Who runs which active job, oldest first. Jobs whose record has expired are taken off the index.

        Records that cannot be read even in these fields are left out.
        """
        ids = self.active_ids()
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(keys.job(job_id), ["state", "worker", "attempt", "created_at", "spec"])
            answers = pipe.execute()
        expired = [job_id for job_id, (state, *_) in zip(ids, answers, strict=True) if state is None]
        if expired:
            self._redis.zrem(keys.ACTIVE, *expired)
        present = [(job_id, answer) for job_id, answer in zip(ids, answers, strict=True) if answer[0] is not None]
        claims = (as_claim(job_id, answer) for job_id, answer in present)
        return [claim for claim in claims if claim is not None]

    def queue_position(self, job_id: str) -> int | None:
        """Number of jobs that wait before this one, or None if it does not wait."""
        position = self._redis.lpos(Queue.redis_queue_namespace_prefix + self._settings.queue_name, job_id)
        return position if isinstance(position, int) else None

    def service_time_s(self) -> float | None:
        """Moving average of how long jobs run, in seconds; None before the first one."""
        raw = self._redis.get(keys.SERVICE_TIME)
        return None if raw is None else float(raw)
