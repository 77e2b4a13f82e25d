"""Worker processes that are killed and replaced, and what is seen of them from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import psutil

from deploy.loadtest.service import HERE, Host, LoadedService
from inlay.child import Child
from jobs.connect import RedisClient, text
from jobs.workers import WorkerRegistry, WorkerState


@dataclass
class WorkerLife:
    """One process; `memory` are pairs of Unix time and resident bytes since it was ready."""

    process: Child
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
    """The workers of a service, and those that are started in place of them.

    In a storm the first one is spared: its memory is seen over all the time.
    """

    def __init__(self, redis: RedisClient, service: LoadedService) -> None:
        self._redis, self._service = redis, service
        self._registry = WorkerRegistry(redis)
        self.lives = [WorkerLife(process) for process in service.workers]

    def start(self, host: Host = HERE) -> WorkerLife:
        """One more."""
        self.lives.append(WorkerLife(self._service.start_worker(host)))
        return self.lives[-1]

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
        end(life.process)
        life.killed = True
        return Kill(at, str(life.name), self.held(life))

    def look(self) -> None:
        """Write down the memory of those that are ready, and see that none has ended by itself."""
        for life in self.lives:
            ended = life.process.exit_code
            assert life.killed or ended is None, f"a worker ended with {ended}:\n{life.process.log_tail()}"
        for life in self.ready():
            life.memory.append((time.time(), psutil.Process(life.process.pid).memory_info().rss))

    def busy(self) -> int:
        """Jobs that living workers have not let go of."""
        return sum(one.running for one in self._registry.alive())


def end(process: Child) -> None:
    """By kill -9, and wait until it is gone."""
    process.kill()
    while process.exit_code is None:
        time.sleep(0.01)
