"""What happens to a job as typed values, and how a broken stream is taken up again. No input or output here."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import httpx

from inlay.calls import Call, job_path
from inlay.connecting import successful, unreachable
from inlay.models import JobFailure, Progress
from inlay.retries import RetryPolicy

SILENCE_S = 45.0
"""Three heartbeats of the service: a stream that is silent for longer is dead."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits; also after its worker died. `attempt`: how often it had been started, so for all events."""

    id: str
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has taken the job."""

    id: str
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """A step was done. `preview` is a small WebP of what is expected, if previews were asked for and there is one."""

    id: str
    attempt: int | None
    progress: Progress
    preview: bytes | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The job is final: the last event. `error` says why it failed."""

    id: str
    attempt: int | None
    state: Literal["succeeded", "failed", "canceled"]
    error: JobFailure | None


Event: TypeAlias = Queued | Started | Progressed | Ended


def parse_event(event_id: str, name: str, data: Mapping[str, Any]) -> Event | None:
    """Read one event; None for a kind that only a newer service knows."""
    attempt = data.get("attempt")
    match name:
        case "queued":
            return Queued(event_id, attempt)
        case "started":
            return Started(event_id, attempt)
        case "progress":
            progress = Progress(data["step"], data["steps"], data.get("eta_s"))
            return Progressed(event_id, attempt, progress, _preview(data.get("preview")))
        case "succeeded" | "failed" | "canceled":
            error = data.get("error")
            failure = JobFailure(error.get("code", "unknown"), error.get("detail") or "") if error else None
            return Ended(event_id, attempt, name, failure)
    return None


class Trail:
    """Where a follower is, over any number of connections; `pause_s` is what to wait before the next one.

    After `timeout_s` it is over, whatever the job's state.
    """

    def __init__(
        self, job_id: str, retries: RetryPolicy, *, previews: bool, after: str | None, timeout_s: float | None
    ) -> None:
        self.over = False
        self.pause_s = 0.0
        self._path = job_path(job_id, "events") + ("?" + urlencode({"previews": "true"}) if previews else "")
        self._retries = retries
        self._seen = after
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._attempt = 0
        self._fields: dict[str, str] = {}

    @property
    def call(self) -> Call:
        """What to send next."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._seen} if self._seen else {})
        return Call("GET", self._path, headers=headers)

    @property
    def timeout(self) -> httpx.Timeout:
        """How long each part of the next connection may take."""
        left_s = SILENCE_S if self._deadline is None else max(0.1, self._deadline - time.monotonic())
        return httpx.Timeout(30.0, read=min(SILENCE_S, left_s))

    @property
    def late(self) -> bool:
        """Whether the time to follow is over; what is still to be read does not count."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def begin(self, response: httpx.Response) -> bool:
        """Whether a stream has begun; else it is over or there is a pause. Raises `ProblemError`."""
        self._fields = {}
        self.pause_s = 0.0
        if response.status_code == HTTPStatus.NO_CONTENT:
            self.over = True
        elif response.is_error:
            self._attempt += 1
            delay_s = self._retries.after_response(self.call, response, self._attempt)
            if delay_s is None:
                successful(response)
            self.pause_s = delay_s or 0.0
        return response.is_success and not self.over

    def read(self, line: str) -> Event | None:
        """Take in one line of the stream; the event that it completes."""
        if line.startswith(":"):
            self._attempt = 0
        elif line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
        else:
            fields, self._fields = self._fields, {}
            if "data" in fields:
                return self._event(fields)
        return None

    def end(self) -> None:
        """Say that the connection has ended; raises `httpx.TransportError` if the job has not."""
        self.over = self.over or self.late
        if not self.over:
            raise httpx.RemoteProtocolError("the stream ended before the job")

    def fail(self, error: httpx.TransportError, url: httpx.URL) -> None:
        """Say that the connection was lost. Raises `ConnectionFailed` if that happened too often in a row."""
        self._attempt += 1
        self.over = self.late
        if not self.over:
            delay_s = self._retries.after_failure(self.call, error, self._attempt)
            if delay_s is None:
                raise unreachable(url, error) from error
            self.pause_s = delay_s

    def _event(self, fields: Mapping[str, str]) -> Event | None:
        self._attempt = 0
        self._seen = fields.get("id", self._seen)
        event = parse_event(self._seen or "", fields.get("event", ""), json.loads(fields["data"]))
        self.over = isinstance(event, Ended) or self.late
        return event


def _preview(url: str | None) -> bytes | None:
    return None if url is None else base64.b64decode(url.partition(",")[2])
