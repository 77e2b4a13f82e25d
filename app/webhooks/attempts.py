"""One attempt to deliver a webhook."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from app.outbound.failures import OutboundFailure
from app.services import Services
from app.views import view
from app.webhooks.pace import asked_pause_s
from app.webhooks.signing import message
from jobs.deliveries import Attempt, AttemptError, DueDelivery
from jobs.record import JobRecord

ANSWER_BYTES = 64 * 1024
"""Of an answer's body that are read, and thrown away: receivers see their answer taken."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt went: the status of the answer if there was one, and the error if it failed.

    `asked_s` is the pause that the receiver asked for (`Retry-After`), in seconds.
    """

    status: int | None
    error: AttemptError | None
    asked_s: float = 0.0


@dataclass(frozen=True)
class Tried:
    """An attempt for the log, and the seconds for which the receiver wants to be left alone."""

    attempt: Attempt
    asked_s: float


async def deliver(services: Services, due: DueDelivery, record: JobRecord) -> Tried:
    """Sends a webhook once and says what came of it."""
    at, started = datetime.now(UTC), time.monotonic()
    outcome = await _send(services, due, record, int(at.timestamp()))
    attempt = Attempt(
        attempt=due.attempt,
        at=at,
        status=outcome.status,
        duration_s=round(time.monotonic() - started, 3),
        error=outcome.error,
    )
    return Tried(attempt, outcome.asked_s)


async def _send(services: Services, due: DueDelivery, record: JobRecord, timestamp_s: int) -> Outcome:
    secrets = services.webhook_secrets(record.caller)
    if not secrets:
        return Outcome(None, AttemptError.UNSIGNED)
    job = await services.stored(view, services, record, services.base_path)
    try:
        answer = await services.outbound.send(
            due.url,
            message(due.event, job, secrets, timestamp_s),
            timeout_s=services.settings.webhook_timeout_s,
            max_bytes=ANSWER_BYTES,
        )
    except OutboundFailure as failure:
        return Outcome(None, failure.error)
    asked_s = asked_pause_s(answer.headers.get("retry-after"), datetime.now(UTC))
    return Outcome(answer.status, _error_of(answer.status), asked_s)


def _error_of(status: int) -> AttemptError | None:
    if 200 <= status < 300:
        return None
    if status == HTTPStatus.GONE:
        return AttemptError.GONE
    return AttemptError.REDIRECT if 300 <= status < 400 else AttemptError.STATUS
