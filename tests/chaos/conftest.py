"""What the tests of faults share: a Redis that has on its disk what it answered, and where figures go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.figures import Row, row, total, write
from tests.chaos.place import Place, share
from tests.chaos.world import World
from tests.redis_process import RedisProcess

Conclude = Callable[[World, str, str, float], None]
ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    with RedisProcess(append_only=True, sync_always=True) as process:
        yield process


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The test's share of `--chaos-jobs`, in a folder of its own."""
    sharing = [item for item in request.session.items if "place" in getattr(item, "fixturenames", ())]
    return Place(tmp_path, share(request.config.getoption("--chaos-jobs"), len(sharing)))


@pytest.fixture
def conclude(pytestconfig: pytest.Config, tmp_path: Path) -> Conclude:
    """Writes the row of a fault, then holds the world to its invariants. The rows of a session are summed."""
    path: Path = pytestconfig.getoption("--chaos-report") or tmp_path / "chaos.jsonl"

    def end(world: World, fault: str, since: str, recovered_s: float) -> None:
        told = row(world.ledger, fault, since, recovered_s, len(world.gone() & world.witness.ended()))
        write(path, told)
        pytestconfig.stash.setdefault(ROWS, []).append(told)
        assert world.wrong() == []
        assert (told.lost, told.doubled, told.differing) == (len(world.gone()), 0, 0)

    return end


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.write_sep("=", total(rows).sentence())
