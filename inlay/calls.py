"""The HTTP calls of the contract as values: what to send, and how to read the answer. No input or output here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx

from inlay.errors import Problem, problem_error
from inlay.models import Deliveries, Job, parse_deliveries, parse_job

Picture = bytes | str | Path  # the encoded file itself, or where it lies


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `repeatable`: sending it twice does no more than sending it once.

    `elsewhere`: the service may answer with the address of what was asked for, which is then fetched, without the key.
    """

    method: str
    path: str
    repeatable: bool = True
    elsewhere: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    files: Mapping[str, tuple[str | None, bytes, str]] | None = None


def submit(task: str, parameters: Mapping[str, Any], **pictures: Picture | None) -> Call:
    """`POST /v1/jobs`: JSON without pictures, else multipart with a `params` part. Raises `OSError`.

    The parameter `idempotency_key` goes into its header; without one, a new one makes it safe to repeat the call.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    headers = {"Idempotency-Key": str(given.pop("idempotency_key", None) or uuid4())}
    body = {"task": task, **given}
    files = {name: _file(name, picture) for name, picture in pictures.items() if picture is not None}
    if not files:
        return Call("POST", "/v1/jobs", headers=headers, json=body)
    parts = {"params": (None, json.dumps(body).encode(), "application/json"), **files}
    return Call("POST", "/v1/jobs", headers=headers, files=parts)


def list_jobs(state: str | None, page_size: int, cursor: str | None) -> Call:
    """`GET /v1/jobs`: one page of the caller's jobs."""
    asked = {"limit": str(page_size), "state": state, "cursor": cursor}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return Call("GET", f"/v1/jobs?{query}")


def job_path(job_id: str, *below: str) -> str:
    """The path of a job, or of something below it. The id stays one segment: no `/` or `..` in it leads elsewhere."""
    segment = quote(job_id, safe="", errors="replace").replace(".", "%2E")
    return "/".join(("/v1/jobs", segment, *below))


def get(job_id: str, wait_s: float = 0) -> Call:
    """`GET /v1/jobs/{id}`; with `wait_s` the service may hold the answer until the job is final."""
    headers = {"Prefer": f"wait={round(wait_s)}"} if wait_s >= 1 else {}
    return Call("GET", job_path(job_id), headers=headers)


def result(job_id: str, index: int = 0) -> Call:
    """`GET /v1/jobs/{id}/result/{index}`: the picture's bytes."""
    return Call("GET", job_path(job_id, "result", str(index)), elsewhere=True)


def deliveries(job_id: str) -> Call:
    """`GET /v1/jobs/{id}/deliveries`: what became of the job's webhook."""
    return Call("GET", job_path(job_id, "deliveries"))


def cancel(job_id: str) -> Call:
    """`POST /v1/jobs/{id}/cancel`."""
    return Call("POST", job_path(job_id, "cancel"))


def delete(job_id: str) -> Call:
    """`DELETE /v1/jobs/{id}`: cancels and deletes."""
    return Call("DELETE", job_path(job_id))


def read_job(response: httpx.Response) -> Job:
    """The job in an answer. Raises `ProblemError` when the answer is no job (a proxy's page, say)."""
    try:
        return parse_job(response.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        title = "The answer is not a job: is this address an Inlay service?"
        raise problem_error(Problem(HTTPStatus.BAD_GATEWAY, "not_a_job", title)) from None


def read_page(response: httpx.Response) -> tuple[list[Job], str | None]:
    """The jobs on a page, and the cursor of the next one. Raises `ProblemError` when the answer is no page."""
    try:
        body = response.json()
        return [parse_job(job) for job in body["jobs"]], body.get("next_cursor")
    except (ValueError, KeyError, TypeError, AttributeError):
        title = "The answer is not a list of jobs: is this address an Inlay service?"
        raise problem_error(Problem(HTTPStatus.BAD_GATEWAY, "not_a_job", title)) from None


def read_deliveries(response: httpx.Response) -> Deliveries:
    """What became of a webhook, in an answer. Raises `ProblemError` when the answer is something else."""
    try:
        return parse_deliveries(response.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        title = "The answer does not tell of a webhook: is this address an Inlay service?"
        raise problem_error(Problem(HTTPStatus.BAD_GATEWAY, "not_a_job", title)) from None


def read_problem(response: httpx.Response) -> Problem:
    """The problem in an error answer; any other body is described by its status alone."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    return Problem(
        status=response.status_code,
        code=str(body.get("code", "unknown")),
        title=str(body.get("title", response.reason_phrase or "error")),
        detail=str(body.get("detail") or ""),
        pointer=body.get("pointer"),
        request_id=body.get("request_id"),
        retryable=bool(body.get("retryable", False)),
        retry_after_s=retry_after_s(response),
    )


def retry_after_s(response: httpx.Response) -> float | None:
    """`Retry-After` as seconds from now, from either of its forms; `None` when absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _file(name: str, picture: Picture) -> tuple[str, bytes, str]:
    """A multipart part: file name, bytes, content type (the service looks at the bytes, not at the type)."""
    if isinstance(picture, bytes):
        return name, picture, "application/octet-stream"
    path = Path(picture)
    return path.name, path.read_bytes(), "application/octet-stream"
