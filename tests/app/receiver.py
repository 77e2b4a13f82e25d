"""Receives webhooks and serves files on a free loopback port, in threads of the test: as slow and wrong as asked."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 60.0


@dataclass
class Received:
    """One request; times are monotonic. `ended` is set when the answer was written."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    began: float = field(default_factory=time.monotonic)
    ended: float = float("inf")


@dataclass(frozen=True)
class Reply:
    """What to answer, and after how long."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    after_s: float = 0.0


class Receiver:
    """Gives the replies in their order, then `usual`::

    with Receiver(Reply(500)) as receiver:
        ...
        receiver.wait_for(2)
    """

    def __init__(self, *replies: Reply, usual: Reply | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.replies = deque(replies)
        self.usual = usual or Reply()
        self.received: list[Received] = []
        self._change = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/hook"

    def wait_for(self, count: int) -> list[Received]:
        """The requests that have been answered, once there are so many."""
        return self.wait_until(lambda: len(self.answered) >= count)

    def wait_until(self, reached: Callable[[], bool]) -> list[Received]:
        """The requests that have been answered, once it is so."""
        with self._change:
            assert self._change.wait_for(reached, PATIENCE_S), self.received
            return self.answered

    @property
    def answered(self) -> list[Received]:
        """The requests that have been answered."""
        return [one for one in self.received if one.ended < float("inf")]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver._answer(self, Received(self.command, self.path, headers, body))

            do_GET = do_POST  # noqa: N815  # the base class names it

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, request: Received) -> None:
        with self._change:
            self.received.append(request)
            reply = self.replies.popleft() if self.replies else self.usual
            self._change.notify_all()
        time.sleep(reply.after_s)
        try:
            handler.send_response(reply.status)
            for name, value in reply.headers:
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(reply.body)
        except OSError:
            return  # who asked has gone
        finally:
            with self._change:
                request.ended = time.monotonic()
                self._change.notify_all()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
