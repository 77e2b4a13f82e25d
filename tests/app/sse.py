"""Server-sent events as a client sees them, read by the letter of the standard and by nothing of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Told:
    """One event."""

    id: str
    name: str
    data: dict[str, Any]


def events_in(lines: Iterable[str]) -> Iterator[Told]:
    """The events of a stream's lines, as they come."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Told(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


def events_of(http: httpx.Client, path: str, **options: Any) -> list[Told]:
    """All events of a stream that ends."""
    with http.stream("GET", path, **options) as response:
        assert response.status_code == 200, response.read()
        return list(events_in(response.iter_lines()))


def names(events: Iterable[Told]) -> list[str]:
    """What happened, in short: progress with its step."""
    return [f"progress {one.data['step']}" if one.name == "progress" else one.name for one in events]
