"""Finding a job by the id that a client gave."""

import re

from app import problem_types
from app.problems import Problem
from app.services import Services
from jobs.record import JobRecord

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


def find_job(services: Services, caller: str, job_id: str) -> JobRecord:
    """The record, if it is the caller's.

    Another caller's job is answered as an unknown one is, after the same questions to the store: it is not read.

    Raises:
        Problem: 404 if the caller never had such a job or deleted it, 410 if it has expired.
    """
    now, ever = services.store.owners(job_id) if _ID.fullmatch(job_id) else (None, None)
    record = services.store.get(job_id) if now == caller else None
    if record is not None:
        return record
    if ever == caller:
        raise expired_job()
    raise unknown_job()


def unknown_job() -> Problem:
    """404: nothing under this id."""
    return Problem(problem_types.JOB_NOT_FOUND, "There is no job with this id.")


def expired_job() -> Problem:
    """410: there was one."""
    return Problem(problem_types.JOB_EXPIRED, "The job and its results have expired.")
