"""Submit, follow, cancel and delete jobs."""

import contextlib
import time
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from app import openapi_parts as docs
from app import problem_types
from app.accept import accept
from app.auth import CallerDep
from app.availability import retry_after_s
from app.bodies import read_submission
from app.canceling import cancel
from app.conditional import client_has, etag_of, not_modified, preferred_wait_s
from app.idempotency import Accepted
from app.key_header import IdempotencyKey, check_key
from app.lookup import find_job
from app.openapi_bodies import submission_body
from app.rate_limit import spend, telling
from app.services import Services, ServicesDep
from app.views import JobView, view
from app.waiting import watching
from jobs.connect import REDIS_FULL
from jobs.record import JobRecord, JobState

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Prefer = Annotated[
    str | None, Header(description="`wait=N`: hold the answer up to N seconds (30 at most).", examples=["wait=30"])
]
IfNoneMatch = Annotated[str | None, Header(description="ETags that the client has already.")]


@router.post(
    "",
    status_code=202,
    summary="Submit a job",
    response_model=JobView,
    responses=docs.responses(
        {200: docs.JOB_REPLAYED, 202: docs.JOB_ACCEPTED},
        problem_types.SUBMIT_PROBLEMS,
    ),
    openapi_extra={"requestBody": submission_body()},
)
async def submit_job(
    request: Request, services: ServicesDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Response:
    """Checks everything, stores the pictures, queues the job and answers with it.

    Send `multipart/form-data` (files `image`, `mask`, `reference`, as the task takes them; parameters as plain fields,
    or as JSON in a part `params`) or `application/json` (files in base64 or as data URLs beside the parameters).
    Unknown fields are errors.
    """
    headers = {} if services.keys is None else await services.stored(spend, services, caller)
    with telling(headers):
        with services.metrics.counting_refusals():
            check_key(idempotency_key)
            submission = await read_submission(request, services)
        accepted = await accept(services, caller, submission, idempotency_key)
    job = await _first_view(services, accepted, _base_path(request))
    headers |= {"Location": job.links.self} | ({"Idempotent-Replayed": "true"} if accepted.replayed else {})
    return _answer(request, job, status=200 if job.state.final else 202, headers=headers)


@router.get(
    "/{job_id}",
    summary="Follow a job",
    response_model=JobView,
    responses=docs.responses(
        {200: docs.JOB, 304: docs.NOT_MODIFIED},
        (problem_types.JOB_NOT_FOUND, problem_types.JOB_EXPIRED),
    ),
)
async def get_job(
    job_id: str,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The job as it is now, with `Retry-After` while it is not final.

    With `Prefer: wait=N` the answer is held until the job is final or N seconds have passed; with `If-None-Match` too,
    until it differs from what the client has.
    """
    wait_s = preferred_wait_s(request) if prefer is not None else None
    headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    deadline = time.monotonic() + (wait_s or 0)
    record, job = await services.stored(_look, services, caller, job_id, _base_path(request))
    if wait_s and not _settled(request, job):
        async with watching(request, services, record, every_event=if_none_match is not None) as watch:
            while (left_s := deadline - time.monotonic()) > 0 and not watch.left and not services.stopping():
                await watch.news(left_s)
                _, job = await services.stored(_look, services, caller, job_id, _base_path(request))
                if _settled(request, job):
                    break
    return _answer(request, job, status=200, headers=headers)


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    response_model=JobView,
    responses=docs.responses(
        {200: docs.JOB_CANCELED_NOW, 202: docs.JOB_WILL_CANCEL},
        (problem_types.JOB_NOT_FOUND, problem_types.JOB_EXPIRED, problem_types.JOB_FINAL),
    ),
)
async def cancel_job(job_id: str, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Takes a queued job off the queue (200), or asks a running one to stop (202): within one network evaluation.

    Repeating it is harmless. A job that has succeeded or failed cannot be canceled any more (409).
    """
    record = await services.stored(cancel, services, caller, job_id)
    job = await services.stored(view, services, record, _base_path(request))
    return _answer(request, job, status=200 if record.state is JobState.CANCELED else 202)


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Delete a job",
    response_class=Response,
    responses=docs.responses(
        {204: {"description": "Gone, with its uploads and results."}},
        (problem_types.JOB_NOT_FOUND, problem_types.JOB_EXPIRED),
    ),
)
async def delete_job(job_id: str, services: ServicesDep, caller: CallerDep) -> Response:
    """Cancels the job if it is not final, and deletes its record, uploads and results at once."""
    await services.stored(_delete, services, caller, job_id)
    return Response(status_code=204)


async def _first_view(services: Services, accepted: Accepted, base_path: str) -> JobView:
    """What a new job looks like is known without asking again."""
    if accepted.place is not None:
        return view(services, accepted.record, base_path, accepted.place)
    return await services.stored(view, services, accepted.record, base_path)


def _look(services: Services, caller: str, job_id: str, base_path: str) -> tuple[JobRecord, JobView]:
    record = find_job(services, caller, job_id)
    return record, view(services, record, base_path)


def _settled(request: Request, job: JobView) -> bool:
    """Whether there is no more to wait for: the job is final, or differs from what the client has."""
    conditional = "if-none-match" in request.headers
    return job.state.final or (conditional and not client_has(request, etag_of(_content(job))))


def _delete(services: Services, caller: str, job_id: str) -> None:
    find_job(services, caller, job_id)
    # A worker that runs it finds the record gone, which is as good as a request to cancel.
    record = services.store.delete(job_id)
    services.queue.remove(job_id)
    if record is not None and not record.state.final:
        with contextlib.suppress(REDIS_FULL):  # then those who follow it find it gone
            services.events.tell_deleted(job_id)
    if record is not None:
        services.blobs.delete([*record.inputs.values(), *(result.blob for result in record.results)])


def _base_path(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _content(job: JobView) -> bytes:
    return job.model_dump_json().encode()


def _answer(request: Request, job: JobView, *, status: int, headers: dict[str, str] | None = None) -> Response:
    content = _content(job)
    etag = etag_of(content)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Prefer"} | (headers or {})
    if not job.state.final:
        headers["Retry-After"] = str(retry_after_s(job.progress.eta_s))
    if request.method == "GET" and client_has(request, etag):
        return not_modified(headers)
    return Response(content, status_code=status, headers=headers, media_type="application/json")
