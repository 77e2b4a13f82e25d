"""uvicorn's HTTP/1.1 protocol, with a deadline for heads, and problems where it would answer in plain text."""

import asyncio
import uuid
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app import problem_types
from app.page_headers import answer_headers
from app.problems import Problem, render


class ProblemProtocol(H11Protocol):
    """What is no whole request never reaches the application, so its problem is rendered here.

    A connection has `head_timeout_s` seconds for each request's head: the first from when it was opened, further ones
    from their first byte; between requests uvicorn's own, shorter time counts. Without that, a client that sends a
    letter now and then would keep its connection for ever.
    """

    head_timeout_s: ClassVar[float]
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_timing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something of a request has come."""
        super().data_received(data)
        self._time_head()

    def send_400_response(self, msg: str) -> None:
        """Answers 400 and closes the connection."""
        self._refuse(Problem(problem_types.BAD_REQUEST, msg))

    def _time_head(self) -> None:
        """Times what is still to come of a head; the time goes on over all its pieces."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_timing()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _stop_timing(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        """Who has sent nothing at all has asked nothing, and is told nothing."""
        if self.transport.is_closing():
            return
        begun, _ = self.conn.trailing_data
        if begun and self.conn.our_state is h11.IDLE:
            detail = f"The head of the request was not whole after {self.head_timeout_s:g} s."
            self._refuse(Problem(problem_types.HEAD_TIMEOUT, detail))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        request_id = uuid.uuid4().hex
        response = render(problem, request_id, root_path=self.root_path)
        for name, value in answer_headers(shared=False).items():
            response.headers[name] = value
        headers = [*response.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
        status = response.status_code
        for event in (
            h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def protocol(head_timeout_s: float) -> type[ProblemProtocol]:
    """The protocol with this time for heads: uvicorn makes one of the class for each connection."""
    return type("TimedProtocol", (ProblemProtocol,), {"head_timeout_s": head_timeout_s})
