"""Many who wait for answers at once: plain sockets, so that they take little time from those who answer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Answered:
    """What one of them was told, and when (monotonic)."""

    status: int
    body: Any
    at: float


class Waiters(threading.Thread):
    """Each sends the same request; leaving the block, all must have been answered::

    with Waiters(api, 1000, get("/v1/jobs/…")) as waiters:
        ...
    waiters.answers
    """

    def __init__(self, api: ApiProcess, count: int, request: bytes) -> None:
        super().__init__(daemon=True)
        self.answers: list[Answered] = []
        self._port, self._count, self._request = api.port, count, request

    def run(self) -> None:
        self.answers = asyncio.run(self._ask_all())

    async def _ask_all(self) -> list[Answered]:
        return await asyncio.gather(*(self._ask() for _ in range(self._count)))

    async def _ask(self) -> Answered:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")  # until the server closes
        writer.close()
        return Answered(int(head.split(b" ", 2)[1]), json.loads(body), time.monotonic())

    def __enter__(self) -> Waiters:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.join(PATIENCE_S if kind is None else 0)
        assert kind is not None or not self.is_alive(), "not all were answered"


def get(path: str, **headers: str) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n".encode()


def post(path: str, body: object) -> bytes:
    content = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode()


def commands(worker: StandIn) -> int:
    """How many commands Redis has worked on so far, without those that ask this."""
    told: Any = worker.redis.info("commandstats")
    return sum(int(one["calls"]) for name, one in told.items() if name != "cmdstat_info")


@contextmanager
def all_waiting(worker: StandIn, api: ApiProcess, count: int, request: bytes) -> Iterator[Waiters]:
    """Waiters of whom all are in: each has cost some commands, and then Redis has next to nothing to do any more."""
    begun = commands(worker)
    deadline = time.monotonic() + 25.0
    with Waiters(api, count, request) as waiters:
        calm = 0
        while calm < 3:
            before = commands(worker)
            time.sleep(0.5)
            calm = calm + 1 if before - begun >= count and commands(worker) - before < 30 else 0
            assert time.monotonic() < deadline, "Redis is still busy"
        yield waiters


@contextmanager
def later(pause_s: float, act: Callable[[], object]) -> Iterator[list[float]]:
    """Does something beside the test; holds the time at which it began to."""
    begun: list[float] = []

    def run() -> None:
        begun.append(time.monotonic())
        act()

    timer = threading.Timer(pause_s, run)
    timer.start()
    yield begun
    timer.join()
