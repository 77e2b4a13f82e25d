"""The gate of the job store: one atomic step decides whether a submission becomes a job, or is one already."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jobs import caller_scripts, keys, scripts
from jobs.connect import RedisClient, text
from jobs.errors import (
    IdempotencyKeyReused,
    JobExists,
    QueueTooLong,
    SubmissionRepeated,
    TooManyActiveJobs,
    UploadsTooLarge,
)
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.settings import Settings
from jobs.turns import Turn
from jobs.uploads import Held


@dataclass(frozen=True)
class Claim:
    """A caller's idempotency key, and the fingerprint of what was submitted under it."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Terms:
    """Under what a record is created: an idempotency key, how many active jobs its caller may have, and its bytes."""

    claim: Claim | None = None
    max_active: int | None = None
    upload_bytes: int = 0


@dataclass(frozen=True)
class Standing:
    """Where a job that has just been queued is: jobs before it (None if it was taken already), and how long jobs run.

    `run_s` is the moving average in seconds, None before the first one.
    """

    ahead: int | None
    run_s: float | None


class Admission:
    """Creates records, at most one for each idempotency key, and no more active ones for a caller than may be."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._admit = scripts.Script(redis, caller_scripts.ADMIT)
        self._enter = scripts.Script(redis, caller_scripts.ENTER)

    def create(self, record: JobRecord, terms: Terms = Terms()) -> None:
        """Store a new record and list it as active and as its caller's newest.

        Sending it twice, as after a lost answer, has the effect of sending it once. An idempotency key counts until
        `idempotency_ttl_s` have passed or its job was deleted.

        Raises:
            JobExists: the id is taken.
            SubmissionRepeated, IdempotencyKeyReused: the key of `claim` stands for a job already.
            TooManyActiveJobs: `max_active` jobs of the caller are not final.
        """
        more = self._books(record, terms)
        _raise_refused(self._admit(keys=_keys(record), args=[*self._fields(record), json.dumps(more)]), terms)

    def enter(self, record: JobRecord, queue: JobQueue, terms: Terms = Terms()) -> Standing:
        """As `create`, and put the job in its place on the queue in the same step, if there is room.

        Raises:
            QueueTooLong, UploadsTooLarge: there is none (`max_queue_depth`, `max_queue_bytes`).
            JobExists, SubmissionRepeated, IdempotencyKeyReused, TooManyActiveJobs: as `create`.
        """
        settings, commands = self._settings, queue.entry(record.id)
        more = self._books(record, terms) | {
            "waiting": queue.rq.key,
            "max_waiting": settings.max_queue_depth,
            "max_bytes": settings.max_queue_bytes,
            "sizes": [len(command) for command in commands],
            "turn": queue.turns.terms(Turn.of(record)),
        }
        flat = [part for command in commands for part in command]
        answer = self._enter(
            keys=[*_keys(record), *queue.turns.books, keys.SERVICE_TIME],
            args=[*self._fields(record), *flat, json.dumps(more)],
        )
        _raise_refused(answer, terms)
        ahead, run_s = answer[2:]
        return Standing(ahead, None if run_s is None else float(run_s))

    def known(self, caller: str, claim: Claim) -> str | None:
        """Id of the job, expired or not, that came of the same submission; None if nothing did. `create` decides.

        Raises:
            IdempotencyKeyReused: something else was submitted under this key.
        """
        fingerprint, job_id = self._redis.hmget(keys.idempotency(caller, claim.key), ["fingerprint", "job"])
        if fingerprint is None or job_id is None:
            return None
        known = text(job_id)
        if not self._redis.exists(keys.job(known), keys.tombstone(known)):
            return None
        if text(fingerprint) != claim.fingerprint:
            raise IdempotencyKeyReused
        return known

    def forget(self, record: JobRecord) -> None:
        """Take a deleted job off its caller's books."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(keys.caller(record.caller, "jobs"), record.id)
            pipe.srem(keys.caller(record.caller, "active"), record.id)
            pipe.execute()

    def _fields(self, record: JobRecord) -> list[Any]:
        fields = record.model_dump(mode="json")
        return [
            record.id,
            record.created_at.timestamp(),
            self._settings.job_ttl_s,
            record.caller,
            self._settings.tombstone_ttl_s,
            json.dumps(fields["created_at"]),
            *as_pairs(fields),
        ]

    def _books(self, record: JobRecord, terms: Terms) -> dict[str, Any]:
        settings, caller, claim = self._settings, record.caller, terms.claim
        return {
            "records": keys.job(""),
            "tombstones": keys.tombstone(""),
            "jobs": keys.caller(caller, "jobs"),
            "active": keys.caller(caller, "active"),
            "caller_ttl_s": 2 * settings.job_ttl_s + settings.result_ttl_s,  # a job may wait, run and lie so long
            "max_active": terms.max_active or 0,
            "max_waiting": 0,
            "uploads": keys.UPLOADS,
            "uploads_ttl_s": settings.job_ttl_s,
            "bytes": terms.upload_bytes,
            "blobs": list(record.inputs.values()),
            "max_bytes": 0,
            "claim": keys.idempotency(caller, claim.key) if claim else "",
            "fingerprint": claim.fingerprint if claim else "",
            "claim_ttl_s": settings.idempotency_ttl_s,
        }


def _raise_refused(answer: list[Any], terms: Terms) -> None:
    outcome, job_id = text(answer[0]), text(answer[1])
    match outcome:
        case "exists":
            raise JobExists(job_id)
        case "repeated":
            raise SubmissionRepeated(job_id)
        case "reused":
            raise IdempotencyKeyReused
        case "long":
            raise QueueTooLong(answer[2])
        case "large":
            raise UploadsTooLarge(Held(*answer[2:]))
        case "busy":
            raise TooManyActiveJobs(terms.max_active or 0)


def _keys(record: JobRecord) -> list[str]:
    return [keys.job(record.id), keys.ACTIVE, keys.tombstone(record.id), keys.events(record.id)]


def as_pairs(fields: dict[str, Any]) -> list[str]:
    """Fields of a record as its hash holds them: name, JSON, name, JSON, …"""
    return [part for name, value in fields.items() for part in (name, json.dumps(value))]
