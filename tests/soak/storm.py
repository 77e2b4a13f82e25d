"""Faults: workers and Redis die by kill -9, at moments that are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from tests.redis_process import RedisProcess
from tests.soak.fleet import Fleet, Kill

LOOK_AGAIN_S = 0.05


@dataclass(frozen=True)
class Fault:
    """A kill of a worker or, if not, of Redis: so many seconds after the last fault, with so many jobs accepted."""

    of_worker: bool
    pause_s: float = 0.0
    accepted: int = 0


def faults(draw: Random) -> Iterator[Fault]:
    """Three of four hit a worker. Without end."""
    while True:
        yield Fault(of_worker=draw.random() < 0.75, pause_s=draw.uniform(2.0, 7.0))


@dataclass
class Storm:
    """Lets faults happen, and keeps what did."""

    fleet: Fleet
    server: RedisProcess
    draw: Random
    kills: list[Kill] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    """Unix times at which Redis was killed."""

    def blow(self, coming: Iterator[Fault], accepted: Callable[[], int], going: Callable[[], bool]) -> None:
        """As long as there is something to hit."""
        last_at, looked_at = time.monotonic(), 0.0
        fault = next(coming, None)
        while going():
            if time.monotonic() - looked_at > 1.0:
                self.fleet.look()
                looked_at = time.monotonic()
            due = fault is not None and accepted() >= fault.accepted and time.monotonic() >= last_at + fault.pause_s
            if fault is not None and due and self._strikes(fault):
                last_at, fault = time.monotonic(), next(coming, None)
            time.sleep(LOOK_AGAIN_S)

    def _strikes(self, fault: Fault) -> bool:
        """Make it happen; False if no worker that may be killed has jobs, or nobody else could take them over."""
        if not fault.of_worker:
            self._restart_redis()
            return True
        ready = self.fleet.ready()
        victims = [life for life in ready if life is not self.fleet.lives[0] and self.fleet.held(life)]
        if len(ready) < 2 or not victims:
            return False
        self.kills.append(self.fleet.kill(self.draw.choice(victims)))
        self.fleet.start()
        return True

    def _restart_redis(self) -> None:
        self.restarts.append(time.time())
        self.server.kill()
        time.sleep(self.draw.uniform(0.2, 1.0))
        self.server.start()
