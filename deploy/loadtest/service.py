"""A service to load: a private Redis, so many API processes, so many workers, all on this machine and for this run."""

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
class Fleet:
    """How many processes of each kind; `worker` is the module that a worker runs, with its arguments."""

    apis: int = 1
    workers: int = 1
    worker: Sequence[str] = REAL_WORKER
    environ: Mapping[str, str] = field(default_factory=dict)


class LoadedService:
    """The processes of a `Fleet`, in `folder`::

    with LoadedService(Fleet(apis=2), folder) as service:
        service.urls
    """

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self._folder = folder.resolve()
        self._stack = ExitStack()
        self.urls: list[str] = []
        self.redis_url = ""

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
        """A client of the private Redis, open as long as the service."""
        client = connect(Settings(redis_url=SecretStr(self.redis_url)))
        self._stack.callback(client.close)
        return client

    def _start(self) -> None:
        socket = socket_path(self._folder)
        redis = self._launch("redis", redis_command(self._folder, socket))
        self._await(lambda: redis_answers(socket), [redis])
        self.redis_url = f"unix://{socket}?db=0"
        workers = [
            self._launch(f"worker-{number}", [sys.executable, "-m", *self._fleet.worker])
            for number in range(self._fleet.workers)
        ]
        apis = [self._launch_api(number) for number in range(self._fleet.apis)]
        registry = WorkerRegistry(self.connect())
        self._await(lambda: len(registry.ready()) == len(workers), [*workers, *apis])
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            self._await(lambda: all(_ready(http, url) for url in self.urls), [*workers, *apis])

    def _launch_api(self, number: int) -> Child:
        port = free_port(LOOPBACK, 0)
        self.urls.append(url_of(LOOPBACK, port))
        return self._launch(f"api-{number}", [sys.executable, "-m", "app", "--port", str(port)])

    def _launch(self, name: str, command: Sequence[str]) -> Child:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("INLAY_")}
        environ = {**inherited, "INLAY_LOG_LEVEL": "warning", **self._fleet.environ, "PYTHONPATH": str(ROOT)}
        environ["INLAY_REDIS_URL"] = self.redis_url
        child = Child(ChildSpec(name, command, self._folder / f"{name}.log", environ, GRACE_S))
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
