"""Problems: the one exception the HTTP room raises, and the one renderer of `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from starlette.responses import Response

from app import problem_types
from app.problem_types import ProblemType
from jobs.errors import BlobsAway

log = structlog.get_logger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `pointer` is a JSON pointer (RFC 6901) into the parameters."""

    code: str
    pointer: str
    detail: str


class Problem(Exception):
    """A request that cannot be served, with what the client needs to know about it."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(f"{kind.code}: {detail}")
        self.kind = kind
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})
        self.errors = errors


@contextmanager
def pointing_at(pointer: str) -> Iterator[None]:
    """Says which field the problems raised inside are about."""
    try:
        yield
    except Problem as problem:
        problem.pointer = problem.pointer or pointer
        raise


def render(problem: Problem, request_id: str, status: int | None = None, *, root_path: str) -> Response:
    """The answer to a request that met a problem; `status` replaces the kind's own (for errors without a code).

    `root_path` is the prefix under which a proxy serves the API, as in `Location` and in a job's links.
    """
    kind = problem.kind
    body: dict[str, Any] = {
        "type": root_path + kind.uri,
        "title": kind.title,
        "status": status or kind.status,
        "detail": problem.detail,
        "code": kind.code,
        "request_id": request_id,
        "retryable": kind.retryable,
    }
    if problem.pointer is not None:
        body["pointer"] = problem.pointer
    if len(problem.errors) > 1:
        body["errors"] = [vars(error) for error in problem.errors]
    # A client may have sent half a surrogate pair as a field's name: JSON must come out all the same.
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
    headers = {"Cache-Control": "no-store"} | problem.headers
    return Response(content, status_code=status or kind.status, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


_BY_STATUS = {
    400: problem_types.BAD_REQUEST,
    404: problem_types.ROUTE_NOT_FOUND,
    405: problem_types.METHOD_NOT_ALLOWED,
    413: problem_types.BODY_TOO_LARGE,
    415: problem_types.UNSUPPORTED_MEDIA_TYPE,
}


def store_failed(error: Exception, path: str) -> Problem:
    """What a client learns of a job store or blob store that fails; the log learns why."""
    log.error("store_failed", error=repr(error), path=path)
    what = "pictures" if isinstance(error, BlobsAway) else "jobs"
    detail = f"The store of {what} does not answer."
    return Problem(problem_types.STORAGE_UNAVAILABLE, detail, headers={"Retry-After": "2"})


def from_http_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem for an error that the framework raised itself (unknown path, wrong method, …)."""
    kind = _BY_STATUS.get(status, problem_types.HTTP_ERROR)
    detail = f"{kind.cause} {kind.cure}" if kind is not problem_types.HTTP_ERROR else HTTPStatus(status).phrase
    return Problem(kind, detail, headers=headers)
