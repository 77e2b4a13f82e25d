"""Asking a job to stop."""

from app import problem_types
from app.lookup import find_job, unknown_job
from app.problems import Problem
from app.services import Services
from jobs.errors import JobNotFound, TransitionRefused
from jobs.record import JobRecord, JobState


def cancel(services: Services, caller: str, job_id: str) -> JobRecord:
    """Takes a queued job off the queue, or marks a running one; the record as it is then.

    Raises:
        Problem: the caller has no such job, or it has ended otherwise.
    """
    find_job(services, caller, job_id)
    try:
        record = services.store.request_cancel(job_id)
    except JobNotFound:
        raise unknown_job() from None
    except TransitionRefused as refused:
        raise Problem(problem_types.JOB_FINAL, f"The job has {refused.state} already.") from None
    if record.state is JobState.CANCELED:
        services.queue.remove(job_id)
        services.blobs.delete(record.inputs.values())
    return record
