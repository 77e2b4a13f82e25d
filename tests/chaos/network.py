"""Hosts of workers, and what joins them to Redis and can be cut: namespaces of the network, or a proxy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from deploy.loadtest.service import Host
from tests.chaos.proxy import Line
from tests.redis_process import RedisProcess

SUBNET = "10.207.40"
PORT = 6379


class Network(Protocol):
    """Two hosts of workers. `made_of` tells in the table what stands for a network."""

    made_of: str
    server: RedisProcess

    @property
    def hosts(self) -> Sequence[Host]:
        """Of the workers."""
        ...

    def cut(self, *hosts: int) -> None:
        """From now on nothing of these arrives, either way, and nobody is told so."""
        ...

    def mend(self, *hosts: int) -> None:
        """Carry again."""
        ...


class Namespaces:
    """Redis and each worker in a network namespace of its own, all on one switch, which is in another::

    with Namespaces() as network:
        World(place, network.server.url, hosts=network.hosts)
        network.cut(0)

    Their addresses are known in these namespaces only. A cut takes a port off the switch: cables stay plugged in, so
    that no host sees more than silence. Redis has its Unix socket, too, for who is not on the network. Only root may
    make namespaces.
    """

    made_of = "namespaces"

    def __init__(self) -> None:
        self._names = [f"inlay-{os.getpid()}-{name}" for name in ("switch", "redis", "one", "two")]
        self._switch, store, *self._workers = self._names
        address = ("--port", str(PORT), "--bind", f"{SUBNET}.1", "--protected-mode", "no")
        self.server = RedisProcess(append_only=True, sync_always=True, options=address, within=within(store))
        self._stack = ExitStack()

    @property
    def hosts(self) -> Sequence[Host]:
        """Of the workers."""
        return [Host(f"redis://{SUBNET}.1:{PORT}/0", within=within(name)) for name in self._workers]

    def cut(self, *hosts: int) -> None:
        """Off the switch."""
        for number in hosts:
            _ip("-n", self._switch, "link", "set", f"port{number + 2}", "nomaster")

    def mend(self, *hosts: int) -> None:
        """Onto the switch."""
        for number in hosts:
            _ip("-n", self._switch, "link", "set", f"port{number + 2}", "master", "switch")

    def __enter__(self) -> Self:
        try:
            self._make()
            self._stack.enter_context(self.server)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _make(self) -> None:
        for name in self._names:
            _ip("netns", "add", name)
            self._stack.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "switch", "up")
        for number, name in enumerate(self._names[1:], start=1):
            port = f"port{number}"
            _ip("-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", self._switch, "link", "set", port, "master", "switch", "up")
            _ip("-n", name, "address", "add", f"{SUBNET}.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")


class Proxies:
    """A proxy for each worker, where namespaces cannot be made."""

    made_of = "a proxy"

    def __init__(self) -> None:
        self.server = RedisProcess(append_only=True, sync_always=True)
        self._lines = [Line(self.server.socket), Line(self.server.socket)]
        self._stack = ExitStack()

    @property
    def hosts(self) -> Sequence[Host]:
        """Of the workers."""
        return [Host(line.url) for line in self._lines]

    def cut(self, *hosts: int) -> None:
        """By silence; connections stay open."""
        for number in hosts:
            self._lines[number].cut()

    def mend(self, *hosts: int) -> None:
        """Open connections are closed, new ones are carried."""
        for number in hosts:
            self._lines[number].mend()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.server)
        for line in self._lines:
            self._stack.enter_context(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def within(namespace: str) -> Sequence[str]:
    """What runs a command there."""
    return "ip", "netns", "exec", namespace


def can_be_made() -> bool:
    """Whether this process may make namespaces of the network."""
    name = f"inlay-{os.getpid()}-try"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    _ip("netns", "del", name)
    return True


def best_network() -> Namespaces | Proxies:
    """The best that this process may make."""
    return Namespaces() if can_be_made() else Proxies()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
