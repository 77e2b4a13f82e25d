"""What every room's tests share: a real Redis server of their own, and the rule on missing system parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.redis_process import RedisProcess

if "PYTEST_XDIST_WORKER" in os.environ:  # several of these processes share the cores: torch shall not want them all
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    soak = parser.getgroup("soak", "tests/soak: jobs in a storm of kills and restarts")
    soak.addoption("--soak-jobs", type=int, default=2000, help="jobs of the slow soak test")
    soak.addoption("--soak-seed", type=int, default=1, help="what its jobs and faults are drawn from")
    soak.addoption("--soak-report", type=Path, default=None, help="file in which it writes its report, JSON")
    chaos = parser.getgroup("chaos", "tests/chaos: one fault each")
    chaos.addoption("--chaos-jobs", type=int, default=0, help="jobs that its tests accept in all, at least")
    chaos.addoption("--chaos-report", type=Path, default=None, help="file of rows of what faults cost, JSON lines")


@pytest.fixture
def redis_server() -> Iterator[RedisProcess]:
    """A fresh Redis server process (started in about 20 ms), empty, in memory only."""
    with RedisProcess() as server:
        yield server


@pytest.fixture
def durable_redis_server() -> Iterator[RedisProcess]:
    """A fresh Redis server with an append-only file: what it accepted survives `kill()` and `start()`."""
    with RedisProcess(append_only=True) as server:
        yield server


@pytest.fixture
def missing_system_part() -> Callable[[str], NoReturn]:
    """Call it with what is missing (a browser, a linter): skips here, fails in CI, where everything must be there."""

    def refuse(what: str) -> NoReturn:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must have {what}")
        pytest.skip(f"needs {what}")  # `what` tells the part and how to install it; in CI its lack is a failure, above

    return refuse
