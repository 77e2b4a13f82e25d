"""A service to load or to break: so many API processes and workers on one Redis, on this machine and for this run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from inlay.addresses import LOOPBACK, free_port, url_of
from inlay.child import Child, ChildSpec
from inlay.redis_server import redis_answers, redis_command, socket_path
from jobs.connect import RedisClient, connect
from jobs.settings import Settings
from jobs.workers import WorkerRegistry

ROOT = Path(__file__).resolve().parents[2]
READY_S = 180.0
GRACE_S = 40.0
POLL_S = 0.1

REAL_WORKER = ("worker",)


class NotReady(RuntimeError):
    """A process of the service ended or did not get ready; the message has the end of its log."""


@dataclass(frozen=True)
class Host:
    """Where a process runs: its own way to Redis, its own variables, and what runs its command (`ip netns exec …`)."""

    redis_url: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    within: Sequence[str] = ()


HERE = Host()


@dataclass(frozen=True)
class Fleet:
    """How many processes of each kind; `worker` is the module that a worker runs, with its arguments.

    Without `redis_url` the service has a Redis of its own. `hosts` are those of the workers, in their order; further
    ones, and APIs without `api_host`, run here.
    """

    apis: int = 1
    workers: int = 1
    worker: Sequence[str] = REAL_WORKER
    environ: Mapping[str, str] = field(default_factory=dict)
    redis_url: str = ""
    hosts: Sequence[Host] = ()
    api_host: Host = HERE


class LoadedService:
    """The processes of a `Fleet`, with their logs in `folder`::

    with LoadedService(Fleet(apis=2), folder) as service:
        service.urls
    """

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self._folder = folder.resolve()
        self._stack = ExitStack()
        self.redis_url = fleet.redis_url
        self.urls: list[str] = []
        self.apis: list[Child] = []
        self.workers: list[Child] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def connect(self) -> RedisClient:
        """A client of Redis, open as long as the service."""
        client = connect(Settings(redis_url=SecretStr(self.redis_url)))
        self._stack.callback(client.close)
        return client

    def start_worker(self, host: Host = HERE) -> Child:
        """One more, without waiting until it is ready."""
        self.workers.append(
            self._launch(f"worker-{len(self.workers)}", [sys.executable, "-m", *self._fleet.worker], host)
        )
        return self.workers[-1]

    def _start(self) -> None:
        if not self.redis_url:
            self.redis_url = self._start_redis()
        hosts = [*self._fleet.hosts, *[HERE] * self._fleet.workers][: self._fleet.workers]
        for host in hosts:
            self.start_worker(host)
        for number in range(self._fleet.apis):
            self._launch_api(number)
        registry = WorkerRegistry(self.connect())
        self._await(lambda: len(registry.ready()) == len(hosts), [*self.workers, *self.apis])
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            self._await(lambda: all(_ready(http, url) for url in self.urls), [*self.workers, *self.apis])

    def _start_redis(self) -> str:
        socket = socket_path(self._folder)
        redis = self._launch("redis", redis_command(self._folder, socket))
        self._await(lambda: redis_answers(socket), [redis])
        return f"unix://{socket}?db=0"

    def _launch_api(self, number: int) -> None:
        port = free_port(LOOPBACK, 0)
        self.urls.append(url_of(LOOPBACK, port))
        command = [sys.executable, "-m", "app", "--port", str(port)]
        self.apis.append(self._launch(f"api-{number}", command, self._fleet.api_host))

    def _launch(self, name: str, command: Sequence[str], host: Host = HERE) -> Child:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("INLAY_")}
        own = {"PYTHONPATH": str(ROOT), "INLAY_REDIS_URL": host.redis_url or self.redis_url}
        environ = {**inherited, "INLAY_LOG_LEVEL": "warning", **self._fleet.environ, **host.environ, **own}
        child = Child(ChildSpec(name, [*host.within, *command], self._folder / f"{name}.log", environ, GRACE_S))
        child.start()
        self._stack.callback(child.stop)
        return child

    def _await(self, condition: Callable[[], bool], children: Sequence[Child]) -> None:
        deadline = time.monotonic() + READY_S
        while not condition():
            for child in children:
                if child.exit_code is not None or time.monotonic() > deadline:
                    raise NotReady(f"{child.spec.name} is not ready ({child.how_it_ended()}):\n{child.log_tail()}")
            time.sleep(POLL_S)


def _ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
