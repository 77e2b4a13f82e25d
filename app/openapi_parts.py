"""Pieces of the OpenAPI description: answers and problems."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from app.openapi_examples import EVENTS as EVENT_EXAMPLES
from app.openapi_examples import FILE_EXAMPLE, Part, job_content
from app.problem_types import EVERYWHERE, UNAUTHORIZED, ProblemType
from app.problems import PROBLEM_MEDIA_TYPE
from app.views import JobView

SCHEMAS = "#/components/schemas/"


class FieldErrorBody(BaseModel):
    """One of several complaints."""

    code: str
    pointer: str = Field(description="JSON pointer into the parameters.")
    detail: str


class ProblemBody(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(description="Address of the explanation, relative to this service.")
    title: str
    status: int
    detail: str = Field(description="What was wrong this time.")
    code: str = Field(description="Stable name of the problem; `docs/api.md` lists them all.")
    pointer: str | None = Field(None, description="JSON pointer to the parameter or file it is about.")
    request_id: str = Field(description="Also in the header `X-Request-ID` and in the service's log.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    errors: list[FieldErrorBody] | None = Field(None, description="All complaints, if there are several (20 at most).")


def _header(description: str, kind: str = "string") -> Part:
    return {"description": description, "schema": {"type": kind}}


_REQUEST_ID = {"X-Request-ID": _header("The id given with the request, or a new one.")}
_RETRY_AFTER = {"Retry-After": _header("Seconds after which asking again makes sense.", "integer")}
_ETAG = {"ETag": _header("Validator for If-None-Match.")}
_JOB_HEADERS = _REQUEST_ID | _RETRY_AFTER | _ETAG
_RATE = {
    "RateLimit-Policy": _header("Submissions `q` that one API key may send within `w` seconds."),
    "RateLimit": _header("Submissions `r` that are left, and seconds `t` until there is one more."),
}
_REPLAYED = {"Idempotent-Replayed": _header("`true` if an earlier submission under the same key made this job.")}

JOB: Part = {
    "model": JobView,
    "description": "The job.",
    "headers": _JOB_HEADERS | {"Preference-Applied": _header("The wait that was granted.")},
    "content": job_content("queued", "running", "succeeded", "failed", "canceled"),
}
JOB_ACCEPTED: Part = {
    "model": JobView,
    "description": "Accepted: the job is on the queue.",
    "headers": _JOB_HEADERS | _RATE | _REPLAYED | {"Location": _header("Where to follow the job.")},
    "content": job_content("queued"),
}
JOB_REPLAYED: Part = JOB_ACCEPTED | {
    "description": "The job that the same submission made before; it has ended.",
    "content": job_content("succeeded", "failed", "canceled"),
}
JOB_CANCELED_NOW: Part = {
    "model": JobView,
    "description": "Canceled.",
    "headers": _JOB_HEADERS,
    "content": job_content("canceled"),
}
JOB_WILL_CANCEL: Part = {
    "model": JobView,
    "description": "Running; it stops within one evaluation.",
    "headers": _JOB_HEADERS,
    "content": job_content("canceling"),
}
NOT_MODIFIED: Part = {"description": "The client has it already.", "headers": _ETAG}
PICTURE: Part = {
    "description": "The encoded picture.",
    "headers": _ETAG | {"Content-Disposition": _header("A file name to save it under.")},
    "content": {
        f"image/{kind}": {"schema": {"type": "string", "format": "binary"}, "example": FILE_EXAMPLE}
        for kind in ("png", "webp", "jpeg")
    },
}
PICTURE_ELSEWHERE: Part = {
    "description": "The picture is at `Location`, for a short time and without a key.",
    "headers": _REQUEST_ID | {"Location": _header("A presigned address at the store of pictures.")},
}

_EVENT: Part = {
    "description": "One event: until OpenAPI 3.2 the schema of a stream is that of each of its events.",
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "To go on after it: `Last-Event-ID`."},
        "event": {"type": "string", "enum": ["queued", "started", "progress", "succeeded", "failed", "canceled"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
EVENTS: Part = {
    "description": "Server-sent events: what has happened and what happens, until the job is final.",
    "headers": _REQUEST_ID,
    "content": {
        "text/event-stream": {
            "schema": _EVENT,
            "examples": {name: {"value": event} for name, event in EVENT_EXAMPLES.items()},
        }
    },
}
NOTHING_LEFT: Part = {
    "description": "The job has ended and the client has its last event; browsers then do not come back.",
    "headers": _REQUEST_ID,
}


def responses(answers: dict[int, Part], problems: Iterable[ProblemType]) -> dict[int | str, Part]:
    """The `responses` of a route: its answers, its problems, and those that every route may meet."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in (*problems, *EVERYWHERE):
        by_status.setdefault(kind.status, []).append(kind)
    described: dict[int | str, Part] = dict(answers.items())
    return described | {status: _problem_response(kinds) for status, kinds in sorted(by_status.items())}


def _problem_response(kinds: list[ProblemType]) -> Part:
    headers = dict(_REQUEST_ID)
    if any(kind.retryable for kind in kinds):
        headers |= _RETRY_AFTER
    return {
        "description": " · ".join(f"`{kind.code}`: {kind.title}." for kind in kinds),
        "headers": headers,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": f"{SCHEMAS}ProblemBody"},
                "examples": {kind.code: {"summary": kind.title, "value": _example(kind)} for kind in kinds},
            }
        },
    }


def unauthorized() -> Part:
    """The answer of a route that asks for a key and gets none."""
    response = _problem_response([UNAUTHORIZED])
    response["headers"]["WWW-Authenticate"] = _header("`Bearer`, with `error` if a key was sent.")
    return response


def _example(kind: ProblemType) -> Part:
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.cause,
        "code": kind.code,
        "request_id": "5f0c1d5e7b6a4d6c9e0f8a7b6c5d4e3f",
        "retryable": kind.retryable,
    }
