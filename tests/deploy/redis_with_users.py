"""Redis as containers run it, by deploy/redis/start.sh with its one user, with or without TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from inlay.redis_server import find_redis_server
from tests.deploy.certificates import make_certificates

ROOT = Path(__file__).parents[2]
START = ROOT / "deploy" / "redis" / "start.sh"
USERS = ROOT / "deploy" / "redis" / "users.acl"
PASSWORD = "a-password-of-tests"
START_TIMEOUT_S = 20.0


@cache
def server_with_tls() -> Path | None:
    """A Redis server that was built with TLS, such as Debian's; the bundled one was not."""
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path and b"tls-cert-file" in Path(on_path).read_bytes() else None


class RedisWithUsers:
    """One server on a loopback port, in a folder of its own::

    with RedisWithUsers(tls=True) as server:
        Redis.from_url(server.url, password=PASSWORD)
    """

    def __init__(self, *, tls: bool = False, server: Path | None = None, users: Path = USERS) -> None:
        self._tls = tls
        self._server = server or find_redis_server()
        self._users = users
        self.folder = Path(tempfile.mkdtemp(prefix="inlay-redis-"))
        self.password_file = self.folder / "password"
        self.authority = self.folder / "authority.pem"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """What `INLAY_REDIS_URL` takes; the password is in `password_file`."""
        if self._tls:
            return f"rediss://inlay@localhost:{self.port}/0?ssl_ca_certs={self.authority}"
        return f"redis://inlay@127.0.0.1:{self.port}/0"

    def client(self, url: str | None = None, password: str = PASSWORD) -> Redis:
        """A client as the service's user."""
        return Redis.from_url(url or self.url, password=password)

    def __enter__(self) -> Self:
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "redis-server").symlink_to(self._server)
        start = shutil.copy(START, self.folder / "start.sh")
        shutil.copy(self._users, self.folder / "users.acl")
        self.password_file.write_text(f"{PASSWORD}\n")
        scratch = self.folder / "scratch"
        scratch.mkdir()
        environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "REDIS_PASSWORD_FILE": str(self.password_file),
            "REDIS_SCRATCH": str(scratch),
            "REDIS_DATA": str(self.folder),
            "REDIS_MAXMEMORY": "256mb",
        }
        self.log = self.folder / "redis.log"
        with self.log.open("wb") as log:
            command = ["sh", start, "--bind", "127.0.0.1", *self._ports()]
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT)
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(timeout=10)
        shutil.rmtree(self.folder)

    def _ports(self) -> list[str]:
        if not self._tls:
            return ["--port", str(self.port)]
        certificate, key = make_certificates(self.folder, self.authority)
        return [
            *("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(self.authority)),
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(self.log.read_text()) from None
                    time.sleep(0.05)
