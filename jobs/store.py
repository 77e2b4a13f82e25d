"""Job records in Redis: one hash each, atomic compare-and-set transitions, the index of active jobs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Unpack
from uuid import uuid4

from rq import Queue

from jobs import keys, scripts
from jobs.connect import RedisClient, text
from jobs.errors import JobExists, JobNotFound, TransitionRefused
from jobs.record import ALLOWED_TRANSITIONS, ActiveClaim, JobRecord, JobState, Progress, RecordChanges
from jobs.settings import Settings


class JobStore:
    """All access to job records. Every change is one atomic script on the server."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._create = redis.register_script(scripts.CREATE)
        self._transition = redis.register_script(scripts.TRANSITION)
        self._progress = redis.register_script(scripts.PROGRESS)
        self._cancel = redis.register_script(scripts.CANCEL)
        self._service_time = redis.register_script(scripts.SERVICE_TIME)

    def create(self, record: JobRecord) -> None:
        """Store a new record and list it as active; do this before the id goes on the queue.

        Raises:
            JobExists: the id is taken.
        """
        done = self._create(
            keys=[keys.job(record.id), keys.ACTIVE, keys.tombstone(record.id)],
            args=[
                record.id,
                record.created_at.timestamp(),
                self._settings.job_ttl_s,
                record.caller,
                self._settings.tombstone_ttl_s,
                *_pairs(record.model_dump(mode="json")),
            ],
        )
        if not done:
            raise JobExists(record.id)

    def get(self, job_id: str) -> JobRecord | None:
        """The record, or None if there is none (any more)."""
        return _record(self._redis.hgetall(keys.job(job_id)))

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """Records in the order of the ids, None where there is none."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            return [_record(answer) for answer in pipe.execute()]

    def expired(self, job_id: str) -> str | None:
        """Caller of a job whose record has expired, or None if there never was one or it was deleted."""
        caller, exists = self._redis.get(keys.tombstone(job_id)), self._redis.exists(keys.job(job_id))
        return text(caller) if caller is not None and not exists else None

    def transition(
        self,
        job_id: str,
        to: JobState,
        *,
        expect: Collection[JobState],
        expect_attempt: int | None = None,
        **changes: Unpack[RecordChanges],
    ) -> JobRecord:
        """Change the state if it is one of `expect` and, with `expect_attempt`, if that attempt is still current.

        Start and end times are set here unless given. A final state takes the job off the active index and
        starts the time to live of results. Sending it twice has the effect of sending it once.

        Raises:
            JobNotFound: there is no such record.
            TransitionRefused: another process was faster, or the client has asked to cancel.
            ValueError: the transition is not in the table of allowed ones.
        """
        for origin in expect:
            if to not in ALLOWED_TRANSITIONS[origin]:
                raise ValueError(f"{origin} may not become {to}")
        fields = JobRecord.model_construct(**_stamped(to, changes)).model_dump(mode="json", exclude_unset=True)
        found, reason = self._transition(
            keys=[keys.job(job_id), keys.ACTIVE],
            args=[
                job_id,
                to.value,
                uuid4().hex,
                ",".join(expect),
                "" if expect_attempt is None else expect_attempt,
                self._settings.result_ttl_s if to.final else self._settings.job_ttl_s,
                int(to.final),
                *_pairs(fields),
            ],
        )
        if reason == b"missing":
            raise JobNotFound(job_id)
        if reason != b"done":
            raise TransitionRefused(job_id, found.decode(), to, reason.decode())
        record = self.get(job_id)
        if record is None:
            raise JobNotFound(job_id)
        return record

    def claim(self, job_id: str, worker: str) -> JobRecord:
        """Take a queued job for a worker and count the attempt.

        Raises:
            JobNotFound, TransitionRefused: as `transition`; nobody should then run the job.
        """
        record = self.get(job_id)
        if record is None:
            raise JobNotFound(job_id)
        return self.transition(
            job_id,
            JobState.RUNNING,
            expect={JobState.QUEUED},
            expect_attempt=record.attempt,
            attempt=record.attempt + 1,
            worker=worker,
        )

    def report_progress(self, job_id: str, progress: Progress, *, attempt: int) -> bool:
        """Store progress; False if this attempt no longer owns the job, which must then be dropped."""
        return bool(self._progress(keys=[keys.job(job_id)], args=[attempt, progress.model_dump_json()]))

    def request_cancel(self, job_id: str) -> JobRecord:
        """Cancel a queued job at once, or mark a running one so that its worker stops it.

        Returns the record as it is then: `canceled`, or `running` with `cancel_requested`; a canceled one unchanged.

        Raises:
            JobNotFound: there is no such record.
            TransitionRefused: it has succeeded or failed already.
        """
        found = self._cancel(
            keys=[keys.job(job_id), keys.ACTIVE],
            args=[job_id, json.dumps(datetime.now(UTC).isoformat()), self._settings.result_ttl_s],
        ).decode()
        record = self.get(job_id) if found else None
        if record is None:
            raise JobNotFound(job_id)
        if found in (JobState.SUCCEEDED, JobState.FAILED):
            raise TransitionRefused(job_id, found, JobState.CANCELED, "state")
        return record

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

    def delete(self, job_id: str) -> JobRecord | None:
        """Remove the record, its tombstone and its place in the index; returns what was there."""
        record = self.get(job_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.job(job_id), keys.tombstone(job_id))
            pipe.zrem(keys.ACTIVE, job_id)
            pipe.execute()
        return record

    def active_ids(self) -> list[str]:
        """Ids of all jobs that are not final, oldest first."""
        return [text(raw) for raw in self._redis.zrange(keys.ACTIVE, 0, -1)]

    def active_claims(self) -> list[ActiveClaim]:
        """Who runs which active job, oldest first. Jobs whose record has expired are taken off the index."""
        ids = self.active_ids()
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(keys.job(job_id), ["state", "worker", "attempt", "created_at", "spec"])
            answers = pipe.execute()
        expired = [job_id for job_id, (state, *_) in zip(ids, answers, strict=True) if state is None]
        if expired:
            self._redis.zrem(keys.ACTIVE, *expired)
        return [_claim(job_id, answer) for job_id, answer in zip(ids, answers, strict=True) if answer[0] is not None]

    def queue_position(self, job_id: str) -> int | None:
        """Number of jobs that wait before this one, or None if it does not wait."""
        position = self._redis.lpos(Queue.redis_queue_namespace_prefix + self._settings.queue_name, job_id)
        return position if isinstance(position, int) else None

    def record_service_time(self, run_s: float) -> None:
        """Feed the moving average of running times (each new one weighs a fifth)."""
        self._service_time(keys=[keys.SERVICE_TIME], args=[run_s, self._settings.job_ttl_s])

    def service_time_s(self) -> float | None:
        """Moving average of how long jobs run, in seconds; None before the first one."""
        raw = self._redis.get(keys.SERVICE_TIME)
        return None if raw is None else float(raw)


def _claim(job_id: str, answer: Sequence[str | bytes | None]) -> ActiveClaim:
    state, worker, attempt, created_at, spec = (json.loads(value or b"null") for value in answer)
    created = datetime.fromisoformat(created_at).timestamp()
    deadline = None if spec["deadline_s"] is None else created + spec["deadline_s"]
    return ActiveClaim(job_id, JobState(state), worker, attempt, created, deadline)


def _stamped(to: JobState, changes: RecordChanges) -> dict[str, Any]:
    now = datetime.now(UTC)
    if to is JobState.RUNNING:
        stamps: dict[str, Any] = {"started_at": now, "progress": None}
    elif to is JobState.QUEUED:
        stamps = {"started_at": None, "progress": None, "worker": None}
    else:
        stamps = {"finished_at": now}
    return {**stamps, **changes}


def _pairs(fields: dict[str, Any]) -> list[str]:
    return [part for name, value in fields.items() for part in (name, json.dumps(value))]


def _record(answer: Mapping[bytes | str, bytes | str]) -> JobRecord | None:
    if not answer:
        return None
    fields = {text(name): value for name, value in answer.items()}
    fields.pop(scripts.LAST_FIELD, None)
    return JobRecord.model_validate({name: json.loads(value) for name, value in fields.items()})
