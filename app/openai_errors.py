"""Problems in the shape that OpenAI's clients understand, with our code in `code`."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import problem_types
from app.problem_types import ProblemType
from app.problems import Problem, store_failed
from app.validation import from_validation_errors
from jobs.errors import BlobsAway

log = structlog.get_logger(__name__)

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


class OpenAIRoute(APIRoute):
    """A route whose errors, whatever they are, leave in OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with its errors rendered."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except ClientDisconnect:
                raise
            except Exception as error:  # the edge of a request
                problem = _as_problem(error, request.url.path)
            log.info("request_refused", code=problem.kind.code, detail=problem.detail, path=request.url.path)
            return _render(problem)

        return answer


def _as_problem(error: Exception, path: str) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return from_validation_errors([{**one, "loc": one["loc"][1:]} for one in error.errors()])
        case RedisError() | BlobsAway():
            return store_failed(error, path)
    log.error("request_failed", path=path, exc_info=error)
    return Problem(problem_types.INTERNAL_ERROR, "The service met an unexpected error.")


def _render(problem: Problem) -> Response:
    param, message = None, problem.detail
    if problem.pointer is not None:
        given = problem.pointer.removeprefix("/")
        first = given.partition("/")[0]
        param = _NAMES.get(first, first)
        message = param + message.removeprefix(given) if message.startswith(f"{given}:") else message
    content = json.dumps(error_body(problem.kind, message, param), ensure_ascii=False).encode(errors="replace")
    # Without this word of theirs, OpenAI's clients send a request again after 409 and 5xx, and it makes another job.
    headers = {"Cache-Control": "no-store", "X-Should-Retry": "true" if problem.kind.retryable else "false"}
    return Response(content, status_of(problem.kind), headers | problem.headers, media_type="application/json")


def _type_of(status: int) -> str:
    if status >= 500:
        return "server_error"
    return {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
