"""Records as Redis holds them, read: a hash whose values are JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from jobs import scripts
from jobs.connect import text
from jobs.errors import RecordUnreadable
from jobs.record import ActiveClaim, JobRecord, JobState

logger = logging.getLogger(__name__)


def as_record(job_id: str, answer: Mapping[bytes | str, bytes | str]) -> JobRecord | None:
    """The record in what Redis holds of it, or None if that is nothing. Raises `RecordUnreadable`."""
    if not answer:
        return None
    fields = {text(name): value for name, value in answer.items()}
    fields.pop(scripts.LAST_FIELD, None)
    try:
        return JobRecord.model_validate({name: json.loads(value) for name, value in fields.items()})
    except ValueError as error:
        raise RecordUnreadable(job_id) from error


def as_attempt(job_id: str, raw: str | bytes | None) -> int:
    """How often a job was begun, from that field of its record. Raises `RecordUnreadable`."""
    try:
        return int(raw or b"")
    except ValueError as error:
        raise RecordUnreadable(job_id) from error


def as_claim(job_id: str, answer: Sequence[str | bytes | None]) -> ActiveClaim | None:
    """A claim from its fields `state`, `worker`, `attempt`, `created_at` and `spec`; None if they cannot be read."""
    try:
        state, worker, attempt, created_at, spec = (json.loads(value or b"null") for value in answer)
        created = datetime.fromisoformat(created_at).timestamp()
        deadline = None if spec["deadline_s"] is None else created + spec["deadline_s"]
        return ActiveClaim(job_id, JobState(state), worker, attempt, created, deadline, spec["task"])
    except (ValueError, TypeError, KeyError):
        logger.warning("record cannot be read", extra={"job_id": job_id})
        return None
