"""Looks at jobs as their callers do, hears their webhooks, and writes down what it learns."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from tests.app.receiver import Received, Receiver
from tests.chaos.ledger import FINAL, FileLedger

LOOK_S = 0.2


class Witness:
    """Asks for every accepted job again and again, in a thread, until its end was seen::

    with Witness(ledger, clients, receiver) as witness:
        witness.ended()
    """

    def __init__(self, ledger: FileLedger, clients: Mapping[str, httpx.Client], receiver: Receiver) -> None:
        self._ledger, self._clients, self._receiver = ledger, clients, receiver
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def ended(self) -> set[str]:
        """Jobs whose end was seen."""
        return {line.job_id for line in self._ledger.of("polled")}

    def look(self, job_id: str, caller: str) -> None:
        """Ask for a job, and write down its end if it has one."""
        try:
            job = self._clients[caller].get(f"/v1/jobs/{job_id}").json()
        except (httpx.HTTPError, ValueError):
            return
        if job.get("state") in FINAL:
            self._ledger.write("polled", job_id, caller, job["state"], attempt=job["attempt"])

    def _watch(self) -> None:
        told = 0
        while not self._over.wait(LOOK_S):
            received = self._receiver.answered
            for request in received[told:]:
                self._hear(request)
            told = len(received)
            ended = self.ended()
            for line in self._ledger.of("accepted"):
                if line.job_id not in ended:
                    self.look(line.job_id, line.caller)

    def _hear(self, request: Received) -> None:
        job = json.loads(request.body)["data"]
        owner = next((line.caller for line in self._ledger.of("accepted") if line.job_id == job["id"]), "nobody")
        self._ledger.write("told", job["id"], owner, job["state"], delivery=request.headers["webhook-id"])
