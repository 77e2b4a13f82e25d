"""Looks at jobs as their callers do, hears their webhooks, and writes down what it learns."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx
from PIL import Image

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
        """Ask for a job, and write down its end if it has one, and the picture that is shown of it.

        The picture first: whose end is in the ledger has been looked at wholly.
        """
        http = self._clients[caller]
        try:
            job = http.get(f"/v1/jobs/{job_id}").json()
            state = job.get("state")
            answer = http.get(f"/v1/jobs/{job_id}/result") if state == "succeeded" else None
        except (httpx.HTTPError, ValueError):
            return
        if state not in FINAL or (answer is not None and answer.status_code >= 500):
            return
        if answer is not None:
            self._ledger.write("shown", job_id, caller, state, content=content(answer))
        self._ledger.write("polled", job_id, caller, state, attempt=job["attempt"])

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


def content(answer: httpx.Response) -> str:
    """A digest of the pixels, or the status of what is no picture."""
    if answer.status_code != httpx.codes.OK:
        return f"status {answer.status_code}"
    with Image.open(io.BytesIO(answer.content)) as picture:
        pixels = picture.convert("RGB")
    return hashlib.sha256(repr(pixels.size).encode() + pixels.tobytes()).hexdigest()[:16]
