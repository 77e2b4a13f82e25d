"""Clients who ask how their jobs are, on time whatever is answered, and the jobs that they ask about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.throughput.served import submit
from worker.shelf import Shelf

WAITING = 16
"""Jobs that are kept on the queue: twice as many as a worker samples at once."""
FEED_S = 0.2
TIMEOUT_S = 30.0
OK = 200


@dataclass(frozen=True)
class Poll:
    """One GET of a job: seconds from the moment when it was due, and from when it left; `status` is HTTP's."""

    from_due_s: float
    from_sent_s: float
    status: int


@dataclass(frozen=True)
class Clients:
    """So many clients with a connection each, who ask in turn, `rate` times a second together, for `seconds`."""

    count: int
    rate: float
    seconds: float

    def poll(self, url: str, watched: Callable[[int], str]) -> list[Poll]:
        """Ask the API at `url`; `watched` gives the job of each number.

        Each request is due at its own moment. One that cannot leave then, as its client still waits, counts from it all
        the same: else a slow service would be asked less often, and its worst seconds be the least asked about.
        """
        began = time.monotonic()
        with ThreadPoolExecutor(self.count) as pool:
            asked = [pool.submit(self._client, number, began, url, watched) for number in range(self.count)]
            return [poll for one in asked for poll in one.result()]

    def _client(self, first: int, began: float, url: str, watched: Callable[[int], str]) -> list[Poll]:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        connection.connect()
        polls = []
        for number in range(first, round(self.rate * self.seconds), self.count):
            due = began + number / self.rate
            time.sleep(max(0.0, due - time.monotonic()))
            sent = time.monotonic()
            connection.request("GET", f"/v1/jobs/{watched(number)}")
            response = connection.getresponse()
            response.read()
            ended = time.monotonic()
            polls.append(Poll(ended - due, ended - sent, response.status))
        connection.close()
        return polls


class Crowd(threading.Thread):
    """Keeps `WAITING` half pictures on the queue, put straight into Redis, until it is stopped."""

    def __init__(self, shelf: Shelf, side_px: int, most: int) -> None:
        super().__init__(name="crowd")
        self.ids: list[str] = []
        self._shelf = shelf
        self._side_px = side_px
        self._looked_at = WAITING + most
        self._over = threading.Event()

    def add(self) -> str:
        """One more; returns its id."""
        self.ids.append(submit(self._shelf, len(self.ids), self._side_px))
        return self.ids[-1]

    def watched(self, number: int) -> str:
        """The newest jobs in turn: those that wait, and about as many as are sampled at once."""
        return self.ids[-1 - number % min(self._looked_at, len(self.ids))]

    def run(self) -> None:
        """The thread's loop."""
        while not self._over.wait(FEED_S):
            for _ in range(WAITING - self._shelf.queue.depth()):
                self.add()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._over.set()
        self.join()
