"""What the tests of faults share: a Redis that has on its disk what it answered, and where figures go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.figures import row, write
from tests.chaos.world import World
from tests.redis_process import RedisProcess

Conclude = Callable[[World, str, str, float], None]


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    with RedisProcess(append_only=True, sync_always=True) as process:
        yield process


@pytest.fixture
def conclude(pytestconfig: pytest.Config, tmp_path: Path) -> Conclude:
    """Writes the row of a fault, then holds the world to its invariants."""
    path: Path = pytestconfig.getoption("--chaos-report") or tmp_path / "chaos.jsonl"

    def end(world: World, fault: str, since: str, recovered_s: float) -> None:
        told = row(world.ledger, fault, since, recovered_s)
        write(path, told)
        assert world.wrong() == []
        assert (told.lost, told.doubled) == (0, 0)

    return end
