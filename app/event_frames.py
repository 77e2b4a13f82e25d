"""Events as they go over the wire: server-sent events (WHATWG HTML, section 9.2), rendered once for all followers."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from jobs.events import Event, EventId
from jobs.record import JobRecord, JobState

START = b"retry: 1000\n\n"
"""First words of every stream: a browser that loses it comes back after this many milliseconds."""
HEARTBEAT = b": the job goes on\n\n"
"""A comment, which readers skip: it keeps proxies from closing a silent connection."""


@dataclass(frozen=True)
class Frame:
    """One event in bytes, without and with its preview."""

    id: EventId
    plain: bytes
    pictured: bytes
    final: bool


def frame(event: Event) -> Frame:
    """Render an event."""
    data = dict(event.data)
    plain = pictured = _rendered(event, data)
    if event.preview is not None:
        url = "data:image/webp;base64," + base64.b64encode(event.preview).decode()
        pictured = _rendered(event, data | {"preview": url})
    return Frame(event.id, plain, pictured, event.final)


def closing_event(record: JobRecord, after: EventId) -> Event:
    """The final event of a job whose stream has none, as when an older version has ended it; just after `after`."""
    data: dict[str, Any] = {"attempt": record.attempt}
    if record.state is JobState.FAILED:
        data["error"] = None if record.error is None else record.error.model_dump(mode="json")
    return Event((after[0], after[1] + 1), record.state.value, data)


def _rendered(event: Event, data: dict[str, Any]) -> bytes:
    time_ms, number = event.id
    return f"id: {time_ms}-{number}\nevent: {event.name}\ndata: {json.dumps(data)}\n\n".encode()
