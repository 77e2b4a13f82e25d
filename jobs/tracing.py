"""One trace for one submission, over all processes: W3C Trace Context in, spans over OpenTelemetry out.

Whether or not spans are recorded, a client's `traceparent` is carried to the worker, so that all logs name its trace.
Nothing of OpenTelemetry is imported here: that is `jobs.otel`, where `jobs.open_tracing` finds it switched on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from jobs.record import JobRecord, Timings

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<fields>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?P<more>-.*)?"
)
"""https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append something."""

Answered: TypeAlias = Callable[[str, int], None]
"""Told the route's template and the answer's status, 0 if the client did not wait for it."""


@dataclass(frozen=True)
class Story:
    """A job that a worker has ended: `outcome` is its state, or the code of its failure.

    `transition` is when the final transition was begun and done, in Unix seconds.
    """

    record: JobRecord
    timings: Timings
    outcome: str
    transition: tuple[float, float]


class Tracing(Protocol):
    """Where spans go."""

    def request(self, method: str, traceparent: str | None) -> AbstractContextManager[Answered]:
        """Surrounds a request of a client that may have sent a `traceparent`."""
        ...

    def part(self, name: str) -> AbstractContextManager[None]:
        """Surrounds a part of the request."""
        ...

    def traceparent(self) -> str | None:
        """What to hand on so that others continue the trace of the request being served; None if there is none."""
        ...

    def ended(self, story: Story) -> None:
        """Tell where the time of a job went, after the fact."""
        ...


class Carrying:
    """Records nothing, and hands the client's `traceparent` on."""

    def __init__(self) -> None:
        self._carried: ContextVar[str | None] = ContextVar("traceparent", default=None)

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[Answered]:
        """Remembers the header, if it is a valid one."""
        token = self._carried.set(carried(traceparent))
        try:
            yield lambda route, status: None
        finally:
            self._carried.reset(token)

    def part(self, name: str) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()

    def traceparent(self) -> str | None:
        """The client's own."""
        return self._carried.get()

    def ended(self, story: Story) -> None:
        """Nothing."""


def carried(traceparent: str | None) -> str | None:
    """A `traceparent` in the form of version 00, of 55 characters whatever a client sends; None if it is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return None if found is None or (found["version"] == "00" and found["more"]) else f"00-{found['fields']}"


def trace_id(traceparent: str | None) -> str | None:
    """The trace that a `traceparent` names, 32 hex digits; None if there is none or it is malformed."""
    valid = carried(traceparent)
    return None if valid is None else valid.split("-")[1]
