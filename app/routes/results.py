"""The finished pictures."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from app import openapi_parts as docs
from app import problem_types
from app.auth import CallerDep
from app.availability import estimate_s, retry_after_s
from app.conditional import client_has, not_modified
from app.finished import address, fetch, file_name
from app.lookup import find_job
from app.openapi_examples import Part
from app.problems import Problem
from app.services import Services, ServicesDep
from jobs.record import JobRecord, JobState, Result

router = APIRouter(prefix="/v1/jobs", tags=["results"])

_ANSWERS: dict[int, Part] = {200: docs.PICTURE, 303: docs.PICTURE_ELSEWHERE, 304: docs.NOT_MODIFIED}
_PROBLEMS = (
    problem_types.JOB_NOT_FOUND,
    problem_types.RESULT_NOT_FOUND,
    problem_types.RESULT_NOT_READY,
    problem_types.JOB_FAILED,
    problem_types.JOB_CANCELED,
    problem_types.JOB_EXPIRED,
    problem_types.RESULT_EXPIRED,
    problem_types.INVALID_FIELD,
)


@dataclass(frozen=True)
class Wishes:
    """How a client wants its picture."""

    direct: Annotated[
        bool, Query(description="Send the bytes in any case, never 303: for pages that may call no other host.")
    ] = False
    if_none_match: Annotated[str | None, Header(description="ETags that the client has already.")] = None


WishesDep = Annotated[Wishes, Depends()]


@router.get(
    "/{job_id}/result",
    summary="Fetch the picture",
    response_class=Response,
    responses=docs.responses(_ANSWERS, _PROBLEMS),
)
async def get_result(
    job_id: str, request: Request, services: ServicesDep, caller: CallerDep, wishes: WishesDep
) -> Response:
    """The first (usually only) picture of a job that succeeded: its bytes, or where they are (303)."""
    return await _picture(services, request, caller, job_id, 0, direct=wishes.direct)


@router.get(
    "/{job_id}/result/{index}",
    summary="Fetch one of the pictures",
    response_class=Response,
    responses=docs.responses(_ANSWERS, _PROBLEMS),
)
async def get_result_by_index(
    job_id: str,
    index: Annotated[int, Path(ge=0, description="0 to n - 1.")],
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    wishes: WishesDep,
) -> Response:
    """Picture number `index` of a job that succeeded."""
    return await _picture(services, request, caller, job_id, index, direct=wishes.direct)


async def _picture(
    services: Services, request: Request, caller: str, job_id: str, index: int, *, direct: bool
) -> Response:
    result = await services.stored(_find_result, services, caller, job_id, index)
    # Written once, never changed: the name of the picture is as good as a digest of its bytes.
    headers = {"ETag": f'"{job_id}-{index}"', "Cache-Control": "private, no-cache"}
    if client_has(request, headers["ETag"]):
        return not_modified(headers)
    elsewhere = None if direct else await services.shelved(address, services, job_id, index, result)
    if elsewhere is not None:
        return Response(status_code=303, headers={"Location": elsewhere, "Cache-Control": "no-store"})
    blob = await services.shelved(fetch, services, result)
    headers["Content-Disposition"] = f'inline; filename="{file_name(job_id, index, result)}"'
    return Response(blob.data, headers=headers, media_type=result.content_type)


def _find_result(services: Services, caller: str, job_id: str, index: int) -> Result:
    record = find_job(services, caller, job_id)
    if record.state is not JobState.SUCCEEDED:
        raise _no_result(services, record)
    if index >= len(record.results):
        raise Problem(problem_types.RESULT_NOT_FOUND, f"The job has {len(record.results)} results.", pointer="/index")
    return record.results[index]


def _no_result(services: Services, record: JobRecord) -> Problem:
    if record.state is JobState.FAILED:
        reason = record.error.detail if record.error else "It gave no reason."
        return Problem(problem_types.JOB_FAILED, f"The job failed: {reason}")
    if record.state is JobState.CANCELED:
        return Problem(problem_types.JOB_CANCELED, "The job was canceled.")
    position = services.store.queue_position(record.id)
    retry_s = retry_after_s(estimate_s(services, record, position))
    detail = f"The job is {record.state}; its result does not exist yet."
    return Problem(problem_types.RESULT_NOT_READY, detail, headers={"Retry-After": str(retry_s)})
