"""What the service has promised and what it was seen to do, written down outside of it: a file of JSON lines.

The file is the ledger, not the memory of who writes it: each line is on the disk before anybody acts on it, so that it
stands whatever dies.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["accepted", "polled", "told", "shown"]
FINAL = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class Line:
    """At Unix time `at`: a job was accepted for a caller, was seen in a final `state`, a webhook told of it, or its
    picture was shown.
    """

    kind: Kind
    job_id: str
    caller: str
    state: str
    at: float
    attempt: int = 0
    delivery: str = ""
    """The webhook's id: attempts to deliver the same are one."""
    asked: str = ""
    """Of a job that was accepted: task, parameters and seed. Whoever asks for the same gets the same picture."""
    content: str = ""
    """Of a picture that was shown: a digest of its pixels."""


class FileLedger:
    """Append-only; any thread writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: list[Line] = []
        self._read_to = 0
        path.touch()

    def write(self, kind: Kind, job_id: str, caller: str, state: str = "queued", **more: Any) -> None:
        """Add a line, `more` being further fields of it, and see it onto the disk."""
        line = Line(kind, job_id, caller, state, time.time(), **more)
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> list[Line]:
        """All of them, read from the file, each once."""
        with self._lock, self.path.open() as file:
            file.seek(self._read_to)
            self._known += [Line(**json.loads(line)) for line in file.read().splitlines()]
            self._read_to = file.tell()
            return list(self._known)

    def of(self, kind: Kind) -> Iterator[Line]:
        """Those of one kind."""
        return (line for line in self.lines() if line.kind == kind)
