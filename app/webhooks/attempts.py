"""One attempt to deliver a webhook."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from app.outbound.failures import OutboundFailure
from app.services import Services
from app.views import view
from app.webhooks.signing import message
from jobs.deliveries import Attempt, AttemptError, DueDelivery
from jobs.record import JobRecord

ANSWER_BYTES = 64 * 1024
"""Of an answer's body that are read, and thrown away: receivers see their answer taken."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt went: the status of the answer if there was one, and the error if it failed."""

    status: int | None
    error: AttemptError | None


async def deliver(services: Services, due: DueDelivery, record: JobRecord) -> Attempt:
    """Sends a webhook once and says what came of it."""
    at, started = datetime.now(UTC), time.monotonic()
    outcome = await _send(services, due, record, int(at.timestamp()))
    return Attempt(
        attempt=due.attempt,
        at=at,
        status=outcome.status,
        duration_s=round(time.monotonic() - started, 3),
        error=outcome.error,
    )


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
    return Outcome(answer.status, _error_of(answer.status))


def _error_of(status: int) -> AttemptError | None:
    if 200 <= status < 300:
        return None
    if status == HTTPStatus.GONE:
        return AttemptError.GONE
    return AttemptError.REDIRECT if 300 <= status < 400 else AttemptError.STATUS
