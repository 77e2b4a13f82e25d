"""What one API process remembers while it takes submissions; for its event loop alone."""

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio

from app import problem_types
from app.problems import Problem
from jobs.workers import WorkerPresence

ROOMY_S = 0.1
LONGEST_RETRY_S = 60
_NEW_SHARE = 0.2


class Places:
    """The places for work on submissions. Who waited behind many would be answered long after he gave up."""

    def __init__(self, most: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._free = most
        self._held_s = 0.0
        self._now_s = now_s

    @contextmanager
    def one(self) -> Iterator[None]:
        """Holds a place.

        Raises:
            Problem: all are taken. After as long as one has been held lately, those who hold them now are through.
        """
        if not self._free:
            retry_s = min(max(math.ceil(self._held_s), 1), LONGEST_RETRY_S)
            detail = "Too many submissions are under way at once."
            raise Problem(problem_types.OVERLOADED, detail, headers={"Retry-After": str(retry_s)})
        self._free -= 1
        began_s = self._now_s()
        try:
            yield
        finally:
            self._free += 1
            self._held_s += _NEW_SHARE * (self._now_s() - began_s - self._held_s)


class Twins:
    """Submissions under one idempotency key come one after the other: the later ones find the first one's job."""

    def __init__(self, longest_wait_s: float = 10.0) -> None:
        self._longest_wait_s = longest_wait_s
        self._turns: dict[tuple[str, str], anyio.Lock] = {}

    def __len__(self) -> int:
        """Keys under which something is worked on."""
        return len(self._turns)

    @asynccontextmanager
    async def alone(self, caller: str, key: str) -> AsyncIterator[None]:
        """Waits until no other submission under this key of this caller is worked on here.

        Raises:
            Problem: others are for too long, as while a store does not answer: twins of twins would wait ever longer.
        """
        turn = self._turns.setdefault((caller, key), anyio.Lock())
        try:
            with anyio.move_on_after(self._longest_wait_s) as waiting:
                await turn.acquire()
            if waiting.cancelled_caught:
                detail = "The same submission is still under way."
                raise Problem(problem_types.OVERLOADED, detail, headers={"Retry-After": "2"})
            try:
                yield
            finally:
                turn.release()
        finally:
            if not turn.locked():
                self._turns.pop((caller, key), None)


class Outlook:
    """The workers that were alive when there was last room for a job: saves who submits often from asking each time.

    It need not be right: the step that queues a job decides whether there is room, and without a worker a job waits.
    """

    def __init__(self) -> None:
        self._seen: tuple[float, list[WorkerPresence]] = (float("-inf"), [])

    def good(self, workers: list[WorkerPresence]) -> None:
        """There is room now."""
        self._seen = (time.monotonic(), workers)

    def bad(self) -> None:
        """There is no room, so the next one asks."""
        self._seen = (float("-inf"), [])

    def recent(self) -> list[WorkerPresence]:
        """The workers, none if there has been no room within the last tenth of a second."""
        seen_at, workers = self._seen
        return workers if time.monotonic() - seen_at < ROOMY_S else []
