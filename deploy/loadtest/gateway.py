"""The gateway of docker-compose.yml on this machine: nginx by the delivered file, but for what Docker tells it."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from deploy.loadtest.service import ROOT, NotReady
from inlay.addresses import LOOPBACK, free_port, url_of
from inlay.child import Child, ChildSpec

CONFIG = ROOT / "deploy" / "gateway" / "nginx.conf"
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
READY_S = 30.0
GRACE_S = 10.0


def find_nginx() -> str | None:
    """The server's executable, which Debian puts where users do not look."""
    return shutil.which("nginx", path=PLACES)


def adapted(text: str, apis: Sequence[str], port: int, folder: Path) -> str:
    """The configuration for API processes at these addresses, listening on a loopback port, with its files in `folder`.

    Raises `ValueError` if the text is not the one that this knows.
    """
    servers = " ".join(f"server {urlsplit(api).netloc};" for api in apis)
    for docker, here in (
        ("resolver 127.0.0.11 valid=5s;", ""),
        ("server api:8000 resolve;", servers),
        ("listen 8080;", f"listen {LOOPBACK}:{port};"),
        ("/tmp/", f"{folder}/"),  # noqa: S108  # of the container
    ):
        if docker not in text:
            raise ValueError(f"the gateway's configuration has no {docker!r}")
        text = text.replace(docker, here)
    return text


class Gateway:
    """One address for several API processes::

    with Gateway(service.urls, folder) as gateway:
        gateway.url
    """

    def __init__(self, apis: Sequence[str], folder: Path) -> None:
        self._folder = folder.resolve()
        self._port = free_port(LOOPBACK, 0)
        self._text = adapted(CONFIG.read_text(), apis, self._port, self._folder)
        self.url = url_of(LOOPBACK, self._port)

    def __enter__(self) -> Self:
        """Raises `NotReady` if there is no nginx, or if it does not listen."""
        nginx = find_nginx()
        if nginx is None:
            raise NotReady("no nginx: apt-get install nginx-light")
        config = self._folder / "nginx.conf"
        config.write_text(self._text)
        command = [nginx, "-e", "stderr", "-p", str(self._folder), "-c", str(config), "-g", "daemon off;"]
        self._child = Child(ChildSpec("gateway", command, self._folder / "gateway.log", os.environ, GRACE_S))
        self._child.start()
        try:
            self._wait()
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection((LOOPBACK, self._port), timeout=1.0).close()
                return
            except OSError:
                if self._child.exit_code is not None or time.monotonic() > deadline:
                    raise NotReady(f"the gateway does not listen:\n{self._child.log_tail()}") from None
                time.sleep(0.05)
