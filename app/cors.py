"""Which pages of other origins may call the service from a browser."""

from __future__ import annotations

import re

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import problem_types
from app.middleware import REQUEST_ID_HEADER, current_request_id
from app.problems import Problem
from app.rendering import answer_to
from jobs.origins import read_origins

PREFLIGHT_S = 600
METHODS = ("GET", "HEAD", "POST", "DELETE")
SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "Traceparent",
    "Tracestate",
    REQUEST_ID_HEADER,
)
"""Headers of requests that browsers ask leave for; beside them, those that OpenAI's client adds of its own accord."""
_OPENAIS = re.compile(r"x-stainless-[a-z0-9-]{1,64}", re.IGNORECASE | re.ASCII)

READ = (
    *("Allow", "Content-Disposition", "ETag", "Idempotent-Replayed", "Location", "Preference-Applied"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"),
    *("X-Inlay-Job", REQUEST_ID_HEADER, "X-Should-Retry"),
)
"""Headers of answers that browsers would otherwise hide from the page."""


def allow_origins(app: FastAPI, origins: str | None) -> None:
    """Let pages of `origins`, as the setting names them, call the service; of none if it is unset.

    Never with cookies: where there are keys, callers are told apart by the one in `Authorization`, which no browser
    sends by itself. Where there are none, everybody is the same caller, and a page that may not read the answers could
    still send requests: `BrowserGuard` refuses those, except from pages of `origins`.
    """
    allowed = read_origins(origins or "")
    if allowed:
        app.add_middleware(
            _Cors,
            allow_origins=allowed,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=PREFLIGHT_S,
        )


class _Cors(CORSMiddleware):
    """Starlette's, with refusals that are problems."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        preflight = "origin" in headers and "access-control-request-method" in headers
        if not preflight or scope["method"] != "OPTIONS":
            await super().__call__(scope, receive, send)
            return
        answer = self._permitted(scope, headers)
        await answer(scope, receive, send)

    def _permitted(self, scope: Scope, headers: Headers) -> Response:
        """The answer to a browser that asks what a page may send."""
        wanted = [name.strip() for name in headers.get("access-control-request-headers", "").split(",")]
        openais = [name for name in wanted if _OPENAIS.fullmatch(name)]
        others = [name for name in wanted if name and name not in openais]
        asked = MutableHeaders(raw=list(headers.raw))
        del asked["access-control-request-headers"]
        if others:
            asked["access-control-request-headers"] = ", ".join(others)
        answer = self.preflight_response(asked)
        if answer.status_code == 200:
            named = answer.headers["Access-Control-Allow-Headers"]
            answer.headers["Access-Control-Allow-Headers"] = ", ".join([named, *openais])
            return answer
        what = bytes(answer.body).decode().removeprefix("Disallowed CORS ")
        kept = {name: value for name, value in answer.headers.items() if name.startswith(("access-control-", "vary"))}
        problem = Problem(
            problem_types.ORIGIN_REFUSED, f"Pages of other origins may not use this: {what}.", headers=kept
        )
        return answer_to(problem, scope, current_request_id())
