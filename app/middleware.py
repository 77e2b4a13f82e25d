"""What surrounds every request: its id, headers for browsers, and its last line of defence. Plain ASGI."""

import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problem_types
from app.problems import Problem
from app.rendering import answer_to

log = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_request_id: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """The id of the request being served; `-` outside of one."""
    return _request_id.get()


class RequestIds:
    """Gives each request an id (the client's own if it is sane), in logs, problems and the answer's header.

    Every answer passes here, those of other middleware included; so `headers` are set here, where a route has not set
    them itself.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        token = _request_id.set(request_id)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, send_with_headers)
        finally:
            _request_id.reset(token)


class LastDefence:
    """What nobody caught is logged with its traceback and answered with a problem that tells nothing but the id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noticing)
        except ClientDisconnect:
            log.info("client_left", method=scope["method"], path=scope["path"])
        except Exception:  # the edge of a request
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if started:
                raise  # the server cuts the connection: half an answer must not look whole
            problem = Problem(problem_types.INTERNAL_ERROR, "The service met an unexpected error.")
            answer = answer_to(problem, scope, current_request_id())
            await answer(scope, receive, send)
