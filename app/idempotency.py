"""`Idempotency-Key`: the same submission under the same key is the same job, however often it is sent."""

import hashlib
import json
from dataclasses import dataclass

from app import problem_types
from app.availability import Place, retry_after_s
from app.bodies import Submission
from app.lookup import find_job
from app.problem_types import JOB_NOT_FOUND
from app.problems import Problem
from app.services import Services
from app.task_files import url_field
from jobs.admission import Claim
from jobs.errors import IdempotencyKeyReused, JobError, SubmissionRepeated, TooManyActiveJobs
from jobs.record import JobRecord
from jobs.spec import JobSpec


@dataclass(frozen=True)
class Accepted:
    """What became of a submission: its job, whether an earlier submission had made it, and the place of a new one."""

    record: JobRecord
    replayed: bool = False
    place: Place | None = None


def claim_on(key: str, spec: JobSpec, submission: Submission) -> Claim:
    """The key, with a fingerprint of all that was asked for; hashes the files, so call it off the event loop.

    What is left out and what is given as its default mean the same, and so do JSON and multipart. Of a picture by URL
    the URL counts: it is not fetched again.
    """
    parameters = spec.model_dump(mode="json", exclude_defaults=True) | {"task": spec.task}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in submission.files.items()}
    digests |= {url_field(name): url for name, url in submission.urls.items()}
    text = json.dumps([parameters, digests], sort_keys=True)
    return Claim(key, hashlib.sha256(text.encode()).hexdigest())


def replay(services: Services, caller: str, claim: Claim) -> Accepted | None:
    """The job that the same submission made before, as it is now; None if there was none.

    Raises:
        Problem: the key stands for another submission, or its job has expired.
    """
    try:
        job_id = services.store.admission.known(caller, claim)
    except IdempotencyKeyReused:
        raise key_reused() from None
    return None if job_id is None else made_before(services, caller, job_id)


def not_created(services: Services, caller: str, error: JobError) -> Accepted:
    """What a refusal of the store means: the job of a submission that was faster, or a problem.

    Raises:
        Problem: the key stands for another submission, or too many jobs of the caller are not final.
    """
    match error:
        case SubmissionRepeated(job_id=job_id):
            return made_before(services, caller, job_id)
        case IdempotencyKeyReused():
            raise key_reused() from None
        case TooManyActiveJobs(limit=limit):
            detail = f"{limit} of your jobs are queued or running."
            headers = {"Retry-After": str(retry_after_s(services.store.service_time_s()))}
            raise Problem(problem_types.TOO_MANY_ACTIVE_JOBS, detail, headers=headers) from None
    raise error


def made_before(services: Services, caller: str, job_id: str) -> Accepted:
    """The job of an earlier submission.

    Raises:
        Problem: it has expired, or was deleted or taken back at this very moment.
    """
    try:
        return Accepted(find_job(services, caller, job_id), replayed=True)
    except Problem as problem:
        if problem.kind is not JOB_NOT_FOUND:
            raise
        detail = "The job under this idempotency key has just been taken back."
        raise Problem(problem_types.STORAGE_UNAVAILABLE, detail, headers={"Retry-After": "1"}) from None


def key_reused() -> Problem:
    """422: something else was submitted under the key."""
    detail = "Something else was submitted under this Idempotency-Key."
    return Problem(problem_types.IDEMPOTENCY_KEY_REUSED, detail)
