"""Where jobs and pictures are kept is full or away."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import pytest

from tests.chaos.conftest import Conclude
from tests.chaos.place import Place
from tests.chaos.world import World
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.slow

AWAY_S = 5.0


@pytest.fixture
def forgiving_server() -> Iterator[RedisProcess]:
    """Syncs every second, as the service's own: one that must have all on the disk ends when that is full."""
    with RedisProcess(append_only=True, outgrows_files=True) as process:
        yield process


def limit_files(process_id: int, most_bytes: int) -> None:
    """Writes beyond this size fail from now on, as on a full disk (EFBIG instead of ENOSPC), also in open files."""
    _, hard = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
    resource.prlimit(process_id, resource.RLIMIT_FSIZE, (most_bytes, hard))


def test_disk_of_redis_is_full(place: Place, forgiving_server: RedisProcess, conclude: Conclude) -> None:
    assert forgiving_server.process is not None
    with World(place, forgiving_server.url) as world:
        world.wait_until_running(world.submit(20))
        limit_files(forgiving_server.process.pid, 1)
        time.sleep(AWAY_S)
        limit_files(forgiving_server.process.pid, resource.RLIM_INFINITY)
        at = time.time()
        world.settle()
        conclude(world, f"no room for Redis's file for {AWAY_S:g} s", "there being room", world.first_end_after(at))


def test_disk_for_pictures_is_full(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    blobs = {"blobs_url": f"file://{place.folder / 'blobs'}"}
    with World(place, server.url, settings=blobs) as world:
        world.wait_until_running(world.submit(20))
        for life in world.fleet.lives:
            limit_files(life.process.pid, 1)
        time.sleep(AWAY_S)
        for life in world.fleet.lives:
            limit_files(life.process.pid, resource.RLIM_INFINITY)
        at = time.time()
        world.settle()
        conclude(world, f"no room for pictures for {AWAY_S:g} s", "there being room", world.first_end_after(at))


def test_folder_for_pictures_is_away(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    folder, aside = place.folder / "blobs", place.folder / "not-mounted"
    with World(place, server.url, settings={"blobs_url": f"file://{folder}"}) as world:
        world.wait_until_running(world.submit(20))
        folder.rename(aside)
        time.sleep(AWAY_S)
        aside.rename(folder)
        at = time.time()
        world.submit(4)
        world.settle()
        conclude(world, f"the folder of pictures is away for {AWAY_S:g} s", "its return", world.first_end_after(at))
