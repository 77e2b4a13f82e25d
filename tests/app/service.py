"""The API as users run it: a process of its own on a free loopback port, on a real Redis."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

ROOT = Path(__file__).parents[2]


class ApiProcess:
    """`python -m app` with the given settings (names without `INLAY_`), behind a proxy's prefix if one is given::

    with ApiProcess(redis_url=server.url) as api:
        api.client.get("/healthz")
    """

    def __init__(self, root_path: str = "", **settings: object) -> None:
        self.root_path = root_path
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings = {f"INLAY_{name.upper()}": str(value) for name, value in settings.items()}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, trust_env=False)

    def __enter__(self) -> Self:
        self.log = tempfile.TemporaryFile()  # a pipe that nobody reads would fill and stop the API
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INLAY_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "--port", str(self.port), "--root-path", self.root_path],
            cwd=ROOT,
            env=inherited | self.settings,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client.get("/healthz")
                return self
            except httpx.TransportError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self.stop()) from None
                time.sleep(0.02)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()

    def stop(self) -> str:
        """Ends the process with SIGTERM and returns what it wrote."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        if self.log.closed:
            return ""
        with self.log:
            self.log.seek(0)
            return str(self.log.read(), "utf-8", "replace")

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        return int(psutil.Process(self.process.pid).memory_info().rss)
