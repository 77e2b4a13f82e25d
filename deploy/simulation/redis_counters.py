"""What clients ask of Redis, as Redis counts it itself: `INFO commandstats`, and `MONITOR` for what scripts call.

Redis counts a script's own commands under their names, too, and their time once there and once with the script. Only
`MONITOR` tells them from those that clients send.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from jobs.connect import RedisClient

SEEN_S = 30.0
OURS = frozenset({"info", "monitor", "echo"})


@dataclass(frozen=True)
class Used:
    """How often a command was called, and the microseconds that Redis spent in it."""

    calls: float
    us: float


Counters = Mapping[str, Used]


@dataclass(frozen=True)
class Snapshot:
    """What had been executed at one moment, and how many calls of it by scripts."""

    executed: Counters
    by_scripts: Counter[str]

    def until(self, later: Snapshot) -> dict[str, Used]:
        """What clients have sent in between."""
        return sent(between(self.executed, later.executed), later.by_scripts - self.by_scripts)


def between(before: Counters, after: Counters) -> dict[str, Used]:
    """What was added."""
    none = Used(0, 0)
    differences = {
        name: Used(used.calls - before.get(name, none).calls, used.us - before.get(name, none).us)
        for name, used in after.items()
    }
    return {name: used for name, used in differences.items() if used.calls}


def sent(executed: Counters, by_scripts: Mapping[str, float]) -> dict[str, Used]:
    """Of what was executed, what clients have sent.

    What scripts call goes with the mean time of its name; the script has that time. `EXEC` keeps no time: it is that of
    the commands before it, which have it under their names.
    """
    left = {}
    for name, used in executed.items():
        calls = used.calls - by_scripts.get(name, 0)
        left[name] = Used(calls, 0.0 if name == "exec" else used.us * calls / used.calls)
    return {name: used for name, used in left.items() if used.calls > 0}


class RedisCounters:
    """Counts while it is open::

    with RedisCounters(redis) as counters:
        before = counters.now()
        ...
        before.until(counters.now())
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis: Any = redis  # MONITOR has no types
        self._over = threading.Event()
        self._marks: set[str] = set()
        self._by_scripts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._monitor = self._redis.monitor().__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._monitor.__exit__(kind, error, trace)

    def now(self) -> Snapshot:
        """Raises `TimeoutError` if Redis does not tell what it executes."""
        mark, until = uuid.uuid4().hex, time.monotonic() + SEEN_S
        told = self._redis.info("commandstats")
        self._redis.echo(mark)
        while mark not in self._marks:
            if time.monotonic() > until:
                raise TimeoutError("Redis does not tell what it executes")
            time.sleep(0.01)
        names = {name: name.removeprefix("cmdstat_") for name in told}
        executed = {
            short: Used(float(told[name]["calls"]), float(told[name]["usec"]))
            for name, short in names.items()
            if short not in OURS
        }
        return Snapshot(executed, Counter(self._by_scripts))

    def _read(self) -> None:
        while not self._over.is_set():
            if not self._monitor.connection.can_read(0.1):
                continue
            told = self._monitor.next_command()
            name, _, rest = told["command"].partition(" ")
            if told["client_type"] == "lua":
                self._by_scripts[name.lower()] += 1
            elif name.lower() == "echo":
                self._marks.add(rest)
