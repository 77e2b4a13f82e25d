"""Two Redis servers, the second a replica of the first, and three Sentinels that agree on who is master."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from inlay.redis_server import find_redis_server

NAME = "inlay"
READY_S = 30.0
SERVER = """\
port {port}
bind 127.0.0.1
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""
SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor inlay 127.0.0.1 {master} 2
sentinel down-after-milliseconds inlay 1000
sentinel failover-timeout inlay 5000
sentinel parallel-syncs inlay 1
"""


class Sentinels:
    """All five processes::

    with Sentinels() as group:
        group.url            # what `INLAY_REDIS_URL` takes
        group.kill_master()
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="inlay-sentinel-"))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._servers = _free_ports(2)
        self._sentinels = _free_ports(3)

    @property
    def url(self) -> str:
        """The Sentinels and the service's name."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    def master(self) -> int:
        """The port of the master, as the first Sentinel says."""
        with Redis(port=self._sentinels[0], socket_timeout=2) as asked:
            return int(asked.execute_command("SENTINEL", "get-master-addr-by-name", NAME)[1])

    def kill_master(self) -> float:
        """By kill -9; the Unix time of it. It does not come back."""
        victim = self._processes[self.master()]
        at = time.time()
        victim.send_signal(signal.SIGKILL)
        victim.wait(timeout=10)
        return at

    def __enter__(self) -> Self:
        first, second = self._servers
        self._start(first, SERVER)
        self._start(second, SERVER + f"replicaof 127.0.0.1 {first}\n")
        self._wait(lambda: self._info(second).get("master_link_status") == "up")
        for port in self._sentinels:
            self._start(port, SENTINEL, "--sentinel", master=first)
        for port in self._sentinels:
            self._wait(partial(self._agreed, port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, port: int, template: str, *options: str, master: int = 0) -> None:
        folder = self._folder / str(port)
        folder.mkdir()
        config = folder / "redis.conf"
        config.write_text(template.format(port=port, folder=folder, master=master))
        with (folder / "log").open("wb") as log:
            self._processes[port] = subprocess.Popen(
                [str(find_redis_server()), str(config), *options], stdout=log, stderr=log, start_new_session=True
            )

    def _info(self, port: int) -> dict[str, object]:
        try:
            with Redis(port=port, socket_timeout=2) as asked:
                told = asked.info("replication")
        except RedisError:
            return {}
        return dict(told) if isinstance(told, dict) else {}

    def _agreed(self, port: int) -> bool:
        """Whether this Sentinel knows the replica and the two others: before that, nobody would be promoted."""
        try:
            with Redis(port=port, socket_timeout=2, decode_responses=True) as asked:
                state = asked.sentinel_master(NAME)
        except RedisError:
            return False
        return (int(state["num-slaves"]), int(state["num-other-sentinels"])) == (1, 2)

    def _wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.1)


def _free_ports(count: int) -> Sequence[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
