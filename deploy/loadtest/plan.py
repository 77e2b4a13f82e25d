"""What one run of the load generator is told, and what it writes down about each submission: files of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.loadtest.profiles import Arrival

LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}
LONGEST_S = 4 * 3600.0
MOST = 100_000
FASTEST = 5_000.0


class Unsafe(ValueError):
    """The plan would load what nobody has allowed, or without bounds."""


@dataclass(frozen=True)
class Plan:
    """`urls` are addresses of API processes of one service, which take turns; `keys` are API keys by caller, none where
    the service has none. A job is followed for `patience_s` after the last submission was due, then it is lost.
    """

    urls: list[str]
    keys: dict[str, str]
    arrivals: list[Arrival]
    steps: int
    patience_s: float

    def check(self, *, allow_remote: bool) -> None:
        """Raises `Unsafe` for addresses that are not this machine's, unless they are allowed, and for too much."""
        hosts = {urlsplit(url).hostname or "" for url in self.urls}
        if not allow_remote and (strange := hosts - LOOPBACK_HOSTS):
            raise Unsafe(f"{', '.join(sorted(strange))}: not this machine; --allow-remote if you may load it")
        if len(self.arrivals) > MOST:
            raise Unsafe(f"{len(self.arrivals)} submissions; at most {MOST}")
        if self.arrivals and self.arrivals[-1].at_s > LONGEST_S:
            raise Unsafe(f"longer than {LONGEST_S:g} s")

    def write(self, path: Path) -> None:
        """As JSON, readable by this user alone, since it has keys."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """What `write` wrote."""
        plan = json.loads(path.read_text())
        plan["arrivals"] = [Arrival(**arrival) for arrival in plan["arrivals"]]
        return cls(**plan)


@dataclass(frozen=True)
class Sample:
    """What became of one submission. Seconds count from the moment at which it was due, not from that of sending.

    `lag_s`: how late it was sent. `submit_s`: until the service had answered. `wait_s`, `run_s`: what the service says
    of queue and worker. `end_to_end_s`: until its caller knew of the end. `outcome`: the job's final state; `refused`
    (429 or 503), `error` (any other answer, or none), or `lost` (accepted, no end seen).
    """

    number: int
    at_s: float
    task: str
    caller: str
    outcome: str
    lag_s: float
    submit_s: float
    status: int = 0
    wait_s: float | None = None
    run_s: float | None = None
    end_to_end_s: float | None = None


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(sample)) + "\n" for sample in samples))


def read_samples(path: Path) -> list[Sample]:
    """What `write_samples` wrote."""
    return [Sample(**json.loads(line)) for line in path.read_text().splitlines()]
