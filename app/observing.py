"""What is measured and traced around every request. Plain ASGI, outside of everything else."""

import time

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import CLIENT_LEFT, ApiMetrics
from app.services import Services
from jobs.tracing import Carrying, trace_id

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD, NO_ROUTE = "other", "none"
"""Labels for what clients make up: each of its values would be a series."""

TRACED = frozenset({"POST"})
"""Requests that become spans: what only looks, again and again, would bury them."""


class Observing:
    """Measures each request by route and status, and lets its logs and spans belong to the trace of its client."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self._services = services
        self._carrying = Carrying()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        tracing = self._services.tracing if method in TRACED else self._carrying
        seen = _Seen(self._services.metrics, receive, send)
        with tracing.request(method, Headers(scope=scope).get("traceparent")) as answered:
            trace = trace_id(tracing.traceparent())
            with structlog.contextvars.bound_contextvars(**({} if trace is None else {"trace_id": trace})):
                try:
                    await self.app(scope, seen.receive, seen.send)
                finally:
                    route = _route(scope)
                    seen.measure(method, route)
                    answered(route, seen.status)


class _Seen:
    """One request as it passes; `status` is 0 while there is no answer."""

    def __init__(self, metrics: ApiMetrics, receive: Receive, send: Send) -> None:
        self._metrics = metrics
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        self._answered: float | None = None
        self.status = 0

    async def receive(self) -> Message:
        """Counts what arrives."""
        message = await self._receive()
        self._metrics.upload_bytes.inc(len(message.get("body", b"")))
        return message

    async def send(self, message: Message) -> None:
        """Notes the answer's beginning: how long a stream is open, or a client reads, is not ours to account for."""
        if message["type"] == "http.response.start":
            self.status, self._answered = message["status"], time.perf_counter()
        await self._send(message)

    def measure(self, method: str, route: str) -> None:
        """Tell how long it took."""
        status = f"{self.status // 100}xx" if self.status else CLIENT_LEFT
        seconds = (self._answered or time.perf_counter()) - self._began
        self._metrics.requests.labels(method, route, status).observe(seconds)


def _route(scope: Scope) -> str:
    """The template of the address, never the address itself."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
