"""What a worker and the records of its jobs tell each other while they run: in one round trip, however many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from jobs import keys, scripts
from jobs.connect import RedisClient, redis_away
from jobs.record import Progress


@dataclass(frozen=True)
class ProgressReport:
    """How far an attempt is, and whose it is."""

    job_id: str
    progress: Progress
    attempt: int
    worker: str | None


def exchange(
    redis: RedisClient, reports: Sequence[ProgressReport], job_ids: Sequence[str]
) -> tuple[list[bool | RedisError], set[str]]:
    """Store progress, as `JobStore.report_progress` does, and look which of `job_ids` should stop.

    Returns of each report whether its attempt still owns the job, or what Redis has against it, and the ids of jobs
    that a client has canceled or deleted.

    Raises:
        RedisError: Redis is away or full; some of it may have been done.
    """
    with redis.pipeline(transaction=False) as pipe:
        for report in reports:
            owner = "" if report.worker is None else json.dumps(report.worker)
            told = (str(report.attempt), report.progress.model_dump_json(), owner)
            pipe.eval(scripts.PROGRESS, 1, keys.job(report.job_id), *told)
        for job_id in job_ids:
            pipe.hmget(keys.job(job_id), ["state", "cancel_requested"])
        answers = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, RedisError) and redis_away(answer):
            raise answer
    written, looks = answers[: len(reports)], answers[len(reports) :]
    owned = [answer if isinstance(answer, RedisError) else bool(answer) for answer in written]
    return owned, {job_id for job_id, look in zip(job_ids, looks, strict=True) if _stops(look)}


def _stops(look: list[bytes | None] | RedisError) -> bool:
    if isinstance(look, RedisError):
        return False
    state, mark = look
    return state is None or state == b'"canceled"' or mark == b"true"
