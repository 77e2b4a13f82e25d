"""Waiting for the job of a request that is answered with its pictures."""

import time

import anyio
import structlog
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect, Request

from app import problem_types
from app.canceling import cancel
from app.idempotency import Accepted
from app.lookup import find_job
from app.problems import Problem
from app.services import Services
from app.views import job_path
from app.waiting import watching
from jobs.record import FINAL_STATES, JobRecord, JobState

AWAY_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


async def ended_well(request: Request, services: Services, accepted: Accepted, *, keyed: bool) -> JobRecord:
    """The record of the job once it has succeeded.

    A client that goes away meanwhile takes the job with it, unless it can ask for it again: `keyed` says whether the
    request came with an `Idempotency-Key`, under which the next one is answered with the same job.

    Raises:
        Problem: the job failed, was canceled, or takes longer than one waits here.
        ClientDisconnect: nobody is there to be answered.
    """
    caller, job_id = accepted.record.caller, accepted.record.id
    deadline = time.monotonic() + services.settings.openai_wait_s
    async with watching(request, services, accepted.record) as watch:
        while not await _is_over(services, job_id):
            if watch.left:
                if not keyed:
                    await _take_along(services, accepted.record)
                raise ClientDisconnect
            left_s = deadline - time.monotonic()
            if left_s <= 0 or services.stopping():
                raise _too_long(job_path(job_id, str(request.scope.get("root_path", ""))), job_id)
            await watch.news(left_s)
    record = await services.stored(find_job, services, caller, job_id)
    if record.state is JobState.SUCCEEDED:
        return record
    if record.error is not None:
        raise Problem(problem_types.JOB_FAILED, f"The job {job_id} failed: {record.error.detail}")
    raise Problem(problem_types.JOB_CANCELED, f"The job {job_id} was canceled.")


async def _is_over(services: Services, job_id: str) -> bool:
    """Whether the job has ended or is gone. Who has waited for minutes goes on waiting while Redis starts anew."""
    try:
        return await services.stored(services.store.state, job_id) in {*FINAL_STATES, None}
    except RedisError as error:
        log.warning("state_not_read", job_id=job_id, error=repr(error))
        await anyio.sleep(AWAY_PAUSE_S)
        return False


async def _take_along(services: Services, record: JobRecord) -> None:
    log.info("client_left", job_id=record.id)
    await services.stored(cancel, services, record.caller, record.id)


def _too_long(path: str, job_id: str) -> Problem:
    detail = f"The job {job_id} has not ended yet; it goes on, and {path} tells how far it is."
    return Problem(problem_types.WAIT_TIMEOUT, detail, headers={"Location": path})
