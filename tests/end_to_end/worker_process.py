"""A worker as users run it: a process of its own that tells its metrics on a free port and keeps its log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.app.service import ROOT


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WorkerProcess:
    """`python -m worker` on `model` with the given settings (names without `INLAY_`), on one thread of the CPU."""

    def __init__(self, model: Path | str, **settings: object) -> None:
        self.port = free_port()
        told = {"model": model, "metrics_port": self.port, "threads": 1} | settings
        self._settings = {f"INLAY_{name.upper()}": str(value) for name, value in told.items()}

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INLAY_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker"],
            cwd=ROOT,
            env=inherited | self._settings,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def scrape(self) -> httpx.Response:
        """What it tells Prometheus."""
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False)

    def stop(self) -> str:
        """Kills the process and returns what it wrote; nothing the second time."""
        self._process.kill()
        self._process.wait(30)
        if self._log.closed:
            return ""
        with self._log:
            self._log.seek(0)
            return str(self._log.read(), "utf-8", "replace")
