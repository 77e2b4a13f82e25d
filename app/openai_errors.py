"""Problems in the shape that OpenAI's clients understand, with our code in `code`."""

import json
from typing import Any

from starlette.responses import Response

from app import problem_types
from app.problem_types import ProblemType
from app.problems import Problem

PREFIX = "/v1/images"
"""Everything below it is OpenAI's ground, addresses that do not exist included: its clients know no other shape."""

_NAMES = {
    "output": "output_format",
    "width_px": "size",
    "height_px": "size",
    "metadata": "user",
    "image_url": "image",
    "mask_url": "mask",
}
"""Parameters of jobs that have another name, or another form, in these routes."""


def status_of(kind: ProblemType) -> int:
    """OpenAI answers 400 to whatever is wrong with a request's content, and 500 where its own work failed."""
    if kind is problem_types.JOB_FAILED:
        return 500
    return 400 if kind.status in {415, 422} else kind.status


def error_body(kind: ProblemType, message: str, param: str | None = None) -> dict[str, Any]:
    """The body of an answer that is an error."""
    return {"error": {"message": message, "type": _type_of(status_of(kind)), "param": param, "code": kind.code}}


def render_for_openai(problem: Problem, status: int | None = None) -> Response:
    """The answer to a request that met a problem; `status` replaces the kind's own (for errors without a code)."""
    param, message = None, problem.detail
    if problem.pointer is not None:
        given = problem.pointer.removeprefix("/")
        first = given.partition("/")[0]
        param = _NAMES.get(first, first)
        message = param + message.removeprefix(given) if message.startswith((f"{given} ", f"{given}:")) else message
    status = status or status_of(problem.kind)
    content = json.dumps(error_body(problem.kind, message, param), ensure_ascii=False).encode(errors="replace")
    # Without this word of theirs, OpenAI's clients send a request again after 409 and 5xx, and it makes another job.
    headers = {"Cache-Control": "no-store", "X-Should-Retry": "true" if problem.kind.retryable else "false"}
    return Response(content, status, headers | problem.headers, media_type="application/json")


def _type_of(status: int) -> str:
    if status >= 500:
        return "server_error"
    return {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
