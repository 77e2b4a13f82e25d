"""Worker processes that are killed and replaced, and what is seen of them from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from jobs.connect import RedisClient, text
from jobs.workers import WorkerRegistry, WorkerState
from tests.app.service import ROOT


@dataclass
class WorkerLife:
    """One process; `memory` are pairs of Unix time and resident bytes since it was ready."""

    process: subprocess.Popen[bytes]
    log: Path
    name: str | None = None
    killed: bool = False
    memory: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Kill:
    """A kill -9 at Unix time `at`, and the jobs whose books the worker had open then."""

    at: float
    worker: str
    held: frozenset[str]


class Fleet:
    """Workers with the settings of `environ`, each a process of the module (with arguments) that `worker` names.

    In a storm the first one is spared: its memory is seen over all the time.
    """

    def __init__(
        self, redis: RedisClient, environ: dict[str, str], folder: Path, worker: Sequence[str] = ("worker",)
    ) -> None:
        self._redis, self._environ, self._folder, self._worker = redis, environ, folder, worker
        self._registry = WorkerRegistry(redis)
        self.lives: list[WorkerLife] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for life in self.lives:
            life.process.kill()
            life.process.wait(timeout=30)

    def start(self, **environ: str) -> WorkerLife:
        """One more, with these variables beside or in place of those of all."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INLAY_")}
        log = self._folder / f"worker-{len(self.lives)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._worker],
                cwd=ROOT,
                env=inherited | self._environ | {"OMP_NUM_THREADS": "1"} | environ,
                stderr=file,
            )
        life = WorkerLife(process, log)
        self.lives.append(life)
        return life

    def ready(self) -> list[WorkerLife]:
        """The processes that take jobs now; their names, which they choose, are found by their process ids."""
        names = {one.name for one in self._registry.alive() if one.state is WorkerState.READY}
        for name in names - {life.name for life in self.lives}:
            raw = self._redis.hget(f"rq:worker:{name}", "pid")
            for life in self.lives:
                if raw is not None and life.process.pid == int(text(raw)):
                    life.name = name
        return [life for life in self.lives if life.name in names and not life.killed]

    def held(self, life: WorkerLife) -> frozenset[str]:
        """Jobs whose execution by this worker is open in RQ's books."""
        entries = self._redis.smembers(f"rq:worker:{life.name}:executions")
        return frozenset(text(entry).partition(":")[0] for entry in entries)

    def kill(self, life: WorkerLife) -> Kill:
        """As the kernel does when memory is short."""
        at = time.time()
        life.process.kill()
        life.process.wait(timeout=30)
        life.killed = True
        return Kill(at, str(life.name), self.held(life))

    def look(self) -> None:
        """Write down the memory of those that are ready, and see that none has ended by itself."""
        for life in self.lives:
            ended = life.process.poll()
            assert life.killed or ended is None, f"a worker ended with {ended}:\n{life.log.read_text()[-3000:]}"
        for life in self.ready():
            life.memory.append((time.time(), psutil.Process(life.process.pid).memory_info().rss))

    def busy(self) -> int:
        """Jobs that living workers have not let go of."""
        return sum(one.running for one in self._registry.alive())
