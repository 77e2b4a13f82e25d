"""The whole service on one machine: a private Redis, one worker, the API; started, watched and stopped together."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from inlay.addresses import LOOPBACK, PortUnusable, free_port, url_of
from inlay.child import Child, ChildSpec
from inlay.redis_server import redis_answers, redis_command, socket_path

REDIS_START_S = 30.0
# Twice what the API gives its open requests.
API_GRACE_S = 20.0
WORKER_GRACE_S = 40.0
REDIS_GRACE_S = 15.0
POLL_S = 0.1
# -P: a package named `app` in the current folder must not be started instead.
PYTHON = (sys.executable, "-P", "-m")


class StartFailed(RuntimeError):
    """The service could not be started; the message says what to do about it."""


class Stopped(Exception):
    """The user asked to stop while something was being waited for."""


class EmbeddedService:
    """Three processes, the API on `host` and Redis on a Unix socket; what they keep is in `data_dir` (made 0700).

        with EmbeddedService(Path(".inlay"), port=8000) as service:
            service.wait_until_ready(timeout_s=120)
            service.url

    None of the three survives this program, even if it is killed (Linux). `stopping`, when set from a signal
    handler, ends every wait with `Stopped`. Use it from the main thread.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        host: str = LOOPBACK,
        environ: Mapping[str, str] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.host = host
        self.stopping = stopping or threading.Event()
        self._environ = dict(os.environ if environ is None else environ)
        self._socket: Path | None = None
        self._lock: IO[str] | None = None
        self._redis: Child | None = None
        self._worker: Child | None = None
        self._api: Child | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches the API."""
        return url_of(self.host, self.port)

    @property
    def children(self) -> list[Child]:
        """The processes, in the order in which they are to be stopped."""
        return [child for child in (self._api, self._worker, self._redis) if child is not None]

    def start(self) -> None:
        """Start Redis, then worker and API. Raises `StartFailed`, `RedisNotInstalled`, `Stopped`."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.chmod(0o700)
        self._lock = self._take_lock()
        try:
            self.port = free_port(self.host, self.port)
        except PortUnusable as error:
            raise StartFailed(str(error)) from error
        self._socket = socket_path(self.data_dir)
        self._start_redis(self._socket, self._lock.fileno())
        environ = {**self._environ, "INLAY_REDIS_URL": f"unix://{self._socket}?db=0"}
        self._worker = self._launch("worker", [*PYTHON, "worker"], environ, WORKER_GRACE_S)
        listen = ["--host", self.host, "--port", str(self.port)]
        self._api = self._launch("api", [*PYTHON, "app", *listen], environ, API_GRACE_S)

    def wait_until_ready(self, timeout_s: float, on_wait: Callable[[float], None] | None = None) -> None:
        """Return when `/readyz` says yes; meanwhile calls `on_wait(seconds)`. Raises `StartFailed`, `Stopped`."""
        started = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=2.0, trust_env=False) as http:
            while not _ready(http):
                for child in self.children:
                    if child.exit_code is not None:
                        raise StartFailed(_post_mortem(child))
                waited_s = time.monotonic() - started
                if waited_s > timeout_s:
                    raise StartFailed(f"not ready after {timeout_s:g} s; see the logs in {self.data_dir}")
                if on_wait is not None:
                    on_wait(waited_s)
                self._pause()

    def tend(self) -> list[str]:
        """Restart what died and whose delay is over; returns what happened, in sentences."""
        return [sentence for child in reversed(self.children) if (sentence := child.tend())]

    def stop(self) -> None:
        """End API, worker and Redis in this order: no new jobs, drain, and only then the store."""
        for child in self.children:
            child.stop()
        self._api = self._worker = self._redis = None
        if self._socket is not None and self._socket.parent != self.data_dir:
            shutil.rmtree(self._socket.parent, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """Tell everything to end at once; safe in a signal handler while `stop` waits."""
        for child in self.children:
            child.kill()

    def _start_redis(self, path: Path, lock_descriptor: int) -> None:
        command = redis_command(self.data_dir, path)
        spec = ChildSpec(
            "redis",
            command,
            self._fresh_log("redis"),
            self._environ,
            REDIS_GRACE_S,
            on_parent_death=signal.SIGTERM,  # it still writes its file; the others have nothing to lose
            kept_open=(lock_descriptor,),  # the folder stays locked until Redis itself is gone
        )
        self._redis = Child(spec)
        self._redis.start()
        deadline = time.monotonic() + REDIS_START_S
        while not redis_answers(path):
            if self._redis.exit_code is not None or time.monotonic() > deadline:
                raise StartFailed(_post_mortem(self._redis))
            self._pause()

    def _launch(self, name: str, command: list[str], environ: Mapping[str, str], grace_s: float) -> Child:
        child = Child(ChildSpec(name, command, self._fresh_log(name), environ, grace_s))
        child.start()
        return child

    def _fresh_log(self, name: str) -> Path:
        """`NAME.log`, empty; the run before is kept as `NAME.log.1`."""
        path = self.data_dir / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        path.touch()
        return path

    def _take_lock(self) -> IO[str]:
        lock = (self.data_dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(f"another `inlay up` is using {self.data_dir}; stop it, or choose --data") from None
        return lock

    def _pause(self) -> None:
        if self.stopping.wait(POLL_S):
            raise Stopped

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _post_mortem(child: Child) -> str:
    return f"{child.spec.name} did not start ({child.how_it_ended()}); {child.spec.log_path} ends:\n{child.log_tail()}"
