"""The gate of the job store: one atomic step decides whether a submission becomes a job, or is one already."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jobs import caller_scripts, keys, scripts
from jobs.connect import RedisClient, text
from jobs.errors import IdempotencyKeyReused, JobExists, SubmissionRepeated, TooManyActiveJobs
from jobs.record import JobRecord
from jobs.settings import Settings


@dataclass(frozen=True)
class Claim:
    """A caller's idempotency key, and the fingerprint of what was submitted under it."""

    key: str
    fingerprint: str


class Admission:
    """Creates records, at most one for each idempotency key, and no more active ones for a caller than may be."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._admit = scripts.Script(redis, caller_scripts.ADMIT)

    def create(self, record: JobRecord, *, claim: Claim | None = None, max_active: int | None = None) -> None:
        """Store a new record and list it as active and as its caller's newest.

        Sending it twice, as after a lost answer, has the effect of sending it once. An idempotency key counts until
        `idempotency_ttl_s` have passed or its job was deleted.

        Raises:
            JobExists: the id is taken.
            SubmissionRepeated, IdempotencyKeyReused: the key of `claim` stands for a job already.
            TooManyActiveJobs: `max_active` jobs of the caller are not final.
        """
        answer = self._admit(keys=_keys(record), args=self._args(record, claim, max_active))
        outcome, job_id = (text(part) for part in answer)
        if outcome == "exists":
            raise JobExists(record.id)
        if outcome == "repeated":
            raise SubmissionRepeated(job_id)
        if outcome == "reused":
            raise IdempotencyKeyReused
        if outcome == "busy":
            raise TooManyActiveJobs(max_active or 0)

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

    def _args(self, record: JobRecord, claim: Claim | None, max_active: int | None) -> list[Any]:
        fields = record.model_dump(mode="json")
        return [
            record.id,
            record.created_at.timestamp(),
            self._settings.job_ttl_s,
            record.caller,
            self._settings.tombstone_ttl_s,
            json.dumps(fields["created_at"]),
            *as_pairs(fields),
            json.dumps(self._books(record.caller, claim, max_active)),
        ]

    def _books(self, caller: str, claim: Claim | None, max_active: int | None) -> dict[str, str | int]:
        settings = self._settings
        return {
            "records": keys.job(""),
            "tombstones": keys.tombstone(""),
            "jobs": keys.caller(caller, "jobs"),
            "active": keys.caller(caller, "active"),
            "caller_ttl_s": 2 * settings.job_ttl_s + settings.result_ttl_s,  # a job may wait, run and lie so long
            "max_active": max_active or 0,
            "claim": keys.idempotency(caller, claim.key) if claim else "",
            "fingerprint": claim.fingerprint if claim else "",
            "claim_ttl_s": settings.idempotency_ttl_s,
        }


def _keys(record: JobRecord) -> list[str]:
    return [keys.job(record.id), keys.ACTIVE, keys.tombstone(record.id), keys.events(record.id)]


def as_pairs(fields: dict[str, Any]) -> list[str]:
    """Fields of a record as its hash holds them: name, JSON, name, JSON, …"""
    return [part for name, value in fields.items() for part in (name, json.dumps(value))]
