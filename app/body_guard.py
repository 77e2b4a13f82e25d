"""The guard over request bodies: not too many bytes, not too slow, not too much at once. Plain ASGI."""

import asyncio
import time
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problem_types
from app.problems import Problem


@dataclass(frozen=True)
class BodyLimits:
    """Bounds on request bodies; bytes and seconds."""

    max_body_bytes: int
    max_inflight_bytes: int
    timeout_s: float


class BodyGuard:
    """Counts body bytes as they arrive, before anyone buffers them; refuses too many, too slow, too much at once."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits
        self.inflight_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request with a counted body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        upload = _Upload(self, Headers(scope=scope), receive, send)
        try:
            await self.app(scope, upload.receive, upload.send)
        finally:
            upload.release()


class _Upload:
    """The body of one request on its way in, and its answer on its way out."""

    LINGER_S = 5.0

    def __init__(self, guard: BodyGuard, headers: Headers, receive: Receive, send: Send) -> None:
        self.guard = guard
        self.limits = guard.limits
        self._receive = receive
        self._send = send
        self.deadline = time.monotonic() + self.limits.timeout_s
        declared = headers.get("content-length", "")
        self.declared_bytes = int(declared) if declared.isdecimal() else 0
        self.waits_for_continue = headers.get("expect", "").lower() == "100-continue"
        self.complete = self.declared_bytes == 0 and "transfer-encoding" not in headers
        self.received_bytes = 0
        self.held_bytes = 0
        self.late = False

    async def receive(self) -> Message:
        """The next piece of the body; raises Problem 413, 408 or 503."""
        if self.complete:
            return await self._receive()  # waiting for the client to go away has no deadline
        if self.declared_bytes > self.limits.max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            self.late = True
            seconds = f"{self.limits.timeout_s:g} s"
            raise Problem(problem_types.BODY_TIMEOUT, f"The body did not arrive within {seconds}.") from None
        self._count(message)
        return message

    def _count(self, message: Message) -> None:
        self.complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.received_bytes += size
        if self.received_bytes > self.limits.max_body_bytes:
            self.release()
            raise self._too_large()
        if self.guard.inflight_bytes + size > self.limits.max_inflight_bytes:
            self.release()  # at once, so that this refusal is room for the others
            raise Problem(
                problem_types.OVERLOADED, "Too many uploads are under way at once.", headers={"Retry-After": "2"}
            )
        self.guard.inflight_bytes += size
        self.held_bytes += size

    def release(self) -> None:
        """Gives back this request's share of the bytes in flight."""
        self.guard.inflight_bytes -= self.held_bytes
        self.held_bytes = 0

    def _too_large(self) -> Problem:
        return Problem(
            problem_types.BODY_TOO_LARGE, f"The body has more than the {self.limits.max_body_bytes} bytes allowed."
        )

    async def send(self, message: Message) -> None:
        """Passes the answer on; an answer that comes before the body's end first lets the client finish sending.

        Without that, the connection is reset under a client that is still writing, and it never sees the reason.
        A client that asked with `Expect: 100-continue` has not begun to send; one that was too slow has had its time.
        """
        if message["type"] == "http.response.start" and not self.complete:
            if not self.late and (self.received_bytes or not self.waits_for_continue):
                await self._discard_rest()
            if not self.complete:
                MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)

    async def _discard_rest(self) -> None:
        allowance = 4 * self.limits.max_body_bytes
        try:
            async with asyncio.timeout(self.LINGER_S):
                while not self.complete and allowance > 0:
                    message = await self._receive()
                    allowance -= len(message.get("body", b""))
                    self.complete = not message.get("more_body", False)
        except TimeoutError:
            return
