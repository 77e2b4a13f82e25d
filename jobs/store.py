"""Job records in Redis: one hash each, changed by atomic compare-and-set transitions."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Unpack
from uuid import uuid4

from jobs import delivery_scripts, keys, scripts
from jobs.admission import Admission, Claim, Terms, as_pairs
from jobs.connect import RedisClient
from jobs.errors import JobNotFound, TransitionRefused
from jobs.reading import as_attempt, as_record
from jobs.record import ALLOWED_TRANSITIONS, JobRecord, JobState, Progress, RecordChanges
from jobs.record_reader import RecordReader
from jobs.settings import Settings


def new_token() -> str:
    """Names one transition, however often it is sent: make it once, then repeat until there is an answer."""
    return uuid4().hex


class JobStore(RecordReader):
    """All access to job records. Every change is one atomic script on the server."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        super().__init__(redis, settings)
        self.admission = Admission(redis, settings)
        self._transition = scripts.Script(redis, scripts.TRANSITION)
        self._progress = scripts.Script(redis, scripts.PROGRESS)
        self._cancel = scripts.Script(redis, scripts.CANCEL)
        self._delete = scripts.Script(redis, delivery_scripts.DELETE)
        self._service_time = scripts.Script(redis, scripts.SERVICE_TIME)

    def create(self, record: JobRecord, *, claim: Claim | None = None, max_active: int | None = None) -> None:
        """Store a new record and list it as active, as `Admission.create` does; do this before it goes on the queue."""
        self.admission.create(record, Terms(claim, max_active))

    def transition(
        self,
        job_id: str,
        to: JobState,
        *,
        expect: Collection[JobState],
        expect_attempt: int | None = None,
        **changes: Unpack[RecordChanges],
    ) -> JobRecord:
        """Change the state as `move` does, and return the record as it is then."""
        self.move(job_id, to, expect=expect, expect_attempt=expect_attempt, **changes)
        record = self.get(job_id)
        if record is None:
            raise JobNotFound(job_id)
        return record

    def move(
        self,
        job_id: str,
        to: JobState,
        *,
        expect: Collection[JobState],
        expect_attempt: int | None = None,
        expect_worker: str | None = None,
        token: str | None = None,
        **changes: Unpack[RecordChanges],
    ) -> None:
        """Change the state if it is one of `expect` and, where given, if that attempt of that worker is still current.

        Start and end times are set here unless given. A final state takes the job off the active index and
        starts the time to live of results. Sending it again with the same `token` (`new_token`) has the effect of
        sending it once. The record need not be readable.

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
            keys=_changed_keys(job_id),
            args=[
                job_id,
                to.value,
                token or new_token(),
                ",".join(expect),
                "" if expect_attempt is None else expect_attempt,
                self._settings.result_ttl_s if to.final else self._settings.job_ttl_s,
                int(to.final),
                "" if expect_worker is None else json.dumps(expect_worker),
                *as_pairs(fields),
            ],
        )
        if reason == b"missing":
            raise JobNotFound(job_id)
        if reason != b"done":
            raise TransitionRefused(job_id, found.decode(), to, reason.decode())

    def claim(self, job_id: str, worker: str, *, token: str | None = None) -> JobRecord:
        """Take a queued job for a worker and count the attempt.

        Sending it again with the same `token` (`new_token`), as when the answer was lost, takes and counts it once.

        Raises:
            JobNotFound, TransitionRefused: as `move`; nobody should then run the job.
            RecordUnreadable: nobody of this version can run it.
        """
        raw = self._redis.hget(keys.job(job_id), "attempt")
        if raw is None:
            raise JobNotFound(job_id)
        attempt = as_attempt(job_id, raw)
        self.move(
            job_id,
            JobState.RUNNING,
            expect={JobState.QUEUED},
            expect_attempt=attempt,
            token=token,
            attempt=attempt + 1,
            worker=worker,
        )
        record = self.get(job_id)
        if record is None:
            raise JobNotFound(job_id)
        return record

    def report_progress(self, job_id: str, progress: Progress, *, attempt: int, worker: str | None = None) -> bool:
        """Store progress; False if this attempt (of `worker`) no longer owns the job, which must then be dropped."""
        owner = "" if worker is None else json.dumps(worker)
        return bool(self._progress(keys=[keys.job(job_id)], args=[attempt, progress.model_dump_json(), owner]))

    def request_cancel(self, job_id: str) -> JobRecord:
        """Cancel a queued job at once, or mark a running one so that its worker stops it.

        Returns the record as it is then: `canceled`, or `running` with `cancel_requested`; a canceled one unchanged.

        Raises:
            JobNotFound: there is no such record.
            TransitionRefused: it has succeeded or failed already.
        """
        found = self._cancel(
            keys=_changed_keys(job_id),
            args=[job_id, json.dumps(datetime.now(UTC).isoformat()), self._settings.result_ttl_s],
        ).decode()
        record = self.get(job_id) if found else None
        if record is None:
            raise JobNotFound(job_id)
        if found in (JobState.SUCCEEDED, JobState.FAILED):
            raise TransitionRefused(job_id, found, JobState.CANCELED, "state")
        return record

    def delete(self, job_id: str, *, told: bool = True) -> JobRecord | None:
        """Remove the record, events, tombstone and place in the index; returns what was there at that very moment.

        A webhook that is still to be delivered stays due, and `job.canceled` becomes due if the job was not final;
        what it tells is kept so long, apart. Not `told`: nobody shall hear of the job, as if it had never been.
        """
        flat = self._delete(
            keys=[
                *_changed_keys(job_id),
                *(keys.tombstone(job_id), keys.delivery_log(job_id), keys.departed(job_id)),
            ],
            args=[
                job_id,
                int(told),
                json.dumps(datetime.now(UTC).isoformat()),
                delivery_scripts.kept_s(self._settings.webhook_give_up_s),
            ],
        )
        record = as_record(job_id, dict(zip(flat[::2], flat[1::2], strict=True)))
        if record is not None:
            self.admission.forget(record)
        return record

    def record_service_time(self, run_s: float) -> None:
        """Feed the moving average of running times (each new one weighs a fifth)."""
        self._service_time(keys=[keys.SERVICE_TIME], args=[run_s, self._settings.job_ttl_s])


def _changed_keys(job_id: str) -> list[str]:
    """What a change of state touches."""
    return [keys.job(job_id), keys.ACTIVE, keys.events(job_id), keys.DELIVERIES, keys.delivery(job_id), keys.UPLOADS]


def _stamped(to: JobState, changes: RecordChanges) -> dict[str, Any]:
    now = datetime.now(UTC)
    if to is JobState.RUNNING:
        stamps: dict[str, Any] = {"started_at": now, "progress": None}
    elif to is JobState.QUEUED:
        stamps = {"started_at": None, "progress": None, "worker": None}
    else:
        stamps = {"finished_at": now}
    return {**stamps, **changes}
