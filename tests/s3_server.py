"""A real S3-compatible server process for tests, with one bucket; it can go away and come back, empty."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

START_TIMEOUT_S = 60.0
BUCKET = "inlay-test"


class S3Server:
    """Moto's server on a free loopback port; this process and its children find it by AWS's variables::

    with S3Server() as server:
        open_blobs(Settings(blobs_url=server.url), redis)
    """

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.url = f"s3://{BUCKET}/pictures"
        self._environ = pytest.MonkeyPatch()
        self._http = httpx.Client(base_url=self.address, trust_env=False)

    def __enter__(self) -> Self:
        variables = {
            "AWS_ENDPOINT_URL_S3": self.address,
            "AWS_ACCESS_KEY_ID": "test-id",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in variables.items():
            self._environ.setenv(name, value)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._http.close()
        self._environ.undo()

    def start(self) -> None:
        """Start the server with its bucket, and return when it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"MOTO_S3_CUSTOM_ENDPOINTS": self.address},
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._http.put(f"/{BUCKET}").raise_for_status()
                return
            except httpx.TransportError:
                assert self.process.poll() is None, "the S3 server ended"
                assert time.monotonic() < deadline, "the S3 server does not start"
                time.sleep(0.05)

    def stop(self) -> None:
        """End the server; what it held is gone."""
        self.process.kill()
        self.process.wait(timeout=30)

    def names(self) -> list[str]:
        """Keys of all objects in the bucket."""
        listed: Any = self._http.get(f"/{BUCKET}", params={"list-type": "2"}).text
        return sorted(part.partition("</Key>")[0] for part in listed.split("<Key>")[1:])
