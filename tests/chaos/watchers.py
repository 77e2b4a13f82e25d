"""Clients that go on while Redis is away, each in a thread, and every answer that they get."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from tests.chaos.ledger import FileLedger
from tests.chaos.orders import Asked

PAUSE_S = 0.2
GOOD = frozenset({200, 202, 204})


@dataclass(frozen=True)
class Answer:
    """To a request that was sent at Unix time `at`; the status is 0 where there was none."""

    at: float
    took_s: float
    status: int
    retry_after: str = ""
    media_type: str = ""

    @property
    def streamed(self) -> bool:
        """Whether it came event by event, and so took as long as the job."""
        return self.media_type.startswith("text/event-stream")

    @property
    def says_to_come_back(self) -> bool:
        """Whether a client is told, in the service's own words, when to ask again."""
        return (self.status, self.media_type) == (503, "application/problem+json") and self.retry_after.isdigit()


class Watcher(threading.Thread, ABC):
    """Asks again and again until it is told to stop."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._http = http
        self.answers: list[Answer] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Until `over`."""
        while not self.over.is_set():
            at = time.time()
            try:
                answer = self.ask()
                said = answer.headers.get("Retry-After", ""), answer.headers.get("Content-Type", "")
                self.answers.append(Answer(at, time.time() - at, answer.status_code, *said))
            except httpx.HTTPError:
                self.answers.append(Answer(at, time.time() - at, 0))
            self.over.wait(PAUSE_S)

    @abstractmethod
    def ask(self) -> httpx.Response:
        """Once."""

    def good_after(self, at: float) -> float | None:
        """The Unix time of the first good answer to what was sent after `at`."""
        return next((one.at + one.took_s for one in list(self.answers) if one.at > at and one.status in GOOD), None)


class Poller(Watcher):
    """Asks for the state of a job, and if so bidden waits with the service for a change of it."""

    def __init__(self, http: httpx.Client, job_id: str, wait_s: int = 0) -> None:
        super().__init__(http)
        self._path = f"/v1/jobs/{job_id}"
        self._headers = {"Prefer": f"wait={wait_s}"} if wait_s else {}

    def ask(self) -> httpx.Response:
        """For the state."""
        return self._http.get(self._path, headers=self._headers)


class Follower(Watcher):
    """Reads the events of a job to their end, and goes on after the last one when a stream breaks."""

    def __init__(self, http: httpx.Client, job_id: str) -> None:
        super().__init__(http)
        self._path = f"/v1/jobs/{job_id}/events"
        self.heard: list[str] = []

    def ask(self) -> httpx.Response:
        """For all events that are still to come."""
        headers = {"Last-Event-ID": self.heard[-1]} if self.heard else {}
        with self._http.stream("GET", self._path, headers=headers) as stream:
            for line in stream.iter_lines():
                if line.startswith("id:"):
                    self.heard.append(line.removeprefix("id:").strip())
        return stream

    def replay(self) -> list[str]:
        """The ids of all events, as they are told to who comes late."""
        lines = self._http.get(self._path).text.splitlines()
        return [line.removeprefix("id:").strip() for line in lines if line.startswith("id:")]


class Submitter(Watcher):
    """Submits a job until it is accepted, under one idempotency key, then the next; writes down what was accepted."""

    def __init__(self, http: httpx.Client, asked: Asked, webhook_url: str, ledger: FileLedger, caller: str) -> None:
        super().__init__(http)
        self._asked, self._url, self._ledger, self._caller = asked, webhook_url, ledger, caller
        self._key = self._new_key()

    def ask(self) -> httpx.Response:
        """To take a job."""
        parts = self._asked.parts(self._url)
        answer = self._http.post("/v1/jobs", files=parts, headers={"Idempotency-Key": self._key})
        if answer.status_code in GOOD:
            self._ledger.write("accepted", answer.json()["id"], self._caller, asked=self._asked.dump())
            self._key = self._new_key()
        return answer

    def _new_key(self) -> str:
        return f"{self._caller}-{time.time_ns()}"


class Watchers:
    """All at once::

    with Watchers([Poller(…), Follower(…)]) as watchers:
        ...
    """

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self.all = watchers

    def answers(self, after: float, before: float) -> list[Answer]:
        """Sent and received between two Unix times."""
        found = [one for watcher in self.all for one in list(watcher.answers)]
        return [one for one in found if after <= one.at and one.at + one.took_s <= before]

    def __enter__(self) -> Self:
        for watcher in self.all:
            watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self.all:
            watcher.over.set()
        for watcher in self.all:
            watcher.join(60)
