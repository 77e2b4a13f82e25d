"""Webhooks to deliver: which are due, who is at it, and what became of each attempt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from jobs import delivery_scripts, keys, scripts
from jobs.connect import RedisClient, text
from jobs.reading import as_record
from jobs.record import JobRecord

LOOKED_AT = 500
"""Due webhooks that one step looks at; those of busy receivers are put off, so that the next step sees what follows."""
DEFER_S = 1.0
"""How long they are put off."""


class DeliveryState(StrEnum):
    """Where a webhook is; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class AttemptError(StrEnum):
    """Why an attempt failed; stable, part of the HTTP contract."""

    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    STATUS = "status"
    GONE = "gone"
    UNSIGNED = "unsigned"
    INTERRUPTED = "interrupted"


class Attempt(BaseModel):
    """One attempt to deliver a webhook; nothing of the answer but its status is kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    attempt: int = Field(description="1, 2, …")
    at: datetime
    status: int | None = Field(None, description="HTTP status of the answer; null if there was none.")
    duration_s: float | None = Field(None, description="Seconds that it took; null if its process died.")
    error: AttemptError | None = Field(None, description="Why it failed; null if it did not.")


@dataclass(frozen=True)
class DueDelivery:
    """A webhook that this process has leased: attempt number `attempt`, from 1. Times are Unix seconds of Redis."""

    job_id: str
    event: str
    url: str
    receiver: str
    attempt: int
    made_at: float
    taken_at: float
    token: str


@dataclass(frozen=True)
class DeliveryLog:
    """What is known about a job's webhook; `next_attempt_at` only while it is pending."""

    event: str
    state: DeliveryState
    next_attempt_at: datetime | None
    attempts: list[Attempt]


class DeliveryBook:
    """The webhooks of all jobs. `DUE` of `jobs.delivery_scripts` enters them, with the job's final state."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._take = scripts.Script(redis, delivery_scripts.TAKE)
        self._settle = scripts.Script(redis, delivery_scripts.SETTLE)

    def take(
        self, *, most: int, most_each: int, busy: Mapping[str, int], lease_s: float, give_up_s: float
    ) -> list[DueDelivery]:
        """Lease up to `most` webhooks that are due, at most `most_each` to a receiver, `busy` ones counted.

        Whoever has not settled one after `lease_s` seconds has lost it to the next who takes; one that is lost so more
        than `give_up_s` seconds after it was made is given up.
        """
        if not self._redis.zcard(keys.DELIVERIES):
            return []
        token = uuid4().hex
        ask = {
            "most": most,
            "most_each": most_each,
            "busy": dict(busy),
            "lease_s": lease_s,
            "give_up_s": give_up_s,
            "defer_s": DEFER_S,
            "looked_at": LOOKED_AT,
            "token": token,
            "deliveries": keys.delivery(""),
            "departed": keys.departed(""),
            "records": keys.job(""),
            "logs": keys.delivery_log(""),
        }
        return [_due(entry, token) for entry in self._take(keys=[keys.DELIVERIES], args=[json.dumps(ask)])]

    def settle(self, due: DueDelivery, attempt: Attempt, state: DeliveryState, *, again_in_s: float = 0.0) -> bool:
        """End an attempt and log it; `PENDING` makes the webhook due again. False if the lease was lost meanwhile."""
        entry = attempt.model_dump() | {"at": attempt.at.timestamp()}
        return bool(
            self._settle(
                keys=[
                    keys.DELIVERIES,
                    keys.delivery(due.job_id),
                    keys.job(due.job_id),
                    keys.delivery_log(due.job_id),
                    keys.departed(due.job_id),
                ],
                args=[due.job_id, due.token, json.dumps(entry), state.value, again_in_s],
            )
        )

    def record(self, job_id: str) -> JobRecord | None:
        """The job that a webhook is about, also if it was deleted meanwhile. Raises `RecordUnreadable`."""
        kept = self._redis.hgetall(keys.job(job_id)) or self._redis.hgetall(keys.departed(job_id))
        return as_record(job_id, kept)

    def log(self, job_id: str) -> DeliveryLog | None:
        """What became of a job's webhook so far; None if it has none, or has not ended."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(keys.delivery(job_id), ["event", "state"])
            pipe.zscore(keys.DELIVERIES, job_id)
            pipe.lrange(keys.delivery_log(job_id), 0, -1)
            (event, state), score, entries = pipe.execute()
        if event is None or state is None:
            return None
        known = DeliveryState(text(state))
        pending = known is DeliveryState.PENDING and score is not None
        next_at = datetime.fromtimestamp(float(score), UTC) if pending else None
        return DeliveryLog(text(event), known, next_at, [Attempt.model_validate_json(entry) for entry in entries])


def _due(entry: list[Any], token: str) -> DueDelivery:
    job_id, event, url, receiver, attempt, made_at, taken_at = map(text, entry)
    return DueDelivery(job_id, event, url, receiver, int(attempt), float(made_at), float(taken_at), token)
