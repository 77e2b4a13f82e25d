"""Where jobs and pictures are kept is full or away."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.loadtest.service import Host
from inlay.child import Child
from tests.chaos.conftest import Conclude
from tests.chaos.disk import Disk, LimitedFiles, scarce
from tests.chaos.place import Place
from tests.chaos.proxy import Line
from tests.chaos.world import World
from tests.redis_process import RedisProcess
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow

AWAY_S = 5.0


@pytest.fixture
def disk(place: Place) -> Iterator[Disk | LimitedFiles]:
    with scarce(place.folder) as made:
        yield made


@pytest.fixture
def forgiving_server(disk: Disk | LimitedFiles) -> Iterator[RedisProcess]:
    """Syncs every second, as the service's own: one that must have all on the disk ends when that is full."""
    options = ("--dir", str(disk.folder))
    with RedisProcess(append_only=True, outgrows_files=True, options=options) as process:
        yield process


def test_disk_of_redis_is_full(
    place: Place, disk: Disk | LimitedFiles, forgiving_server: RedisProcess, conclude: Conclude
) -> None:
    assert forgiving_server.process is not None
    with World(place, forgiving_server.url) as world:
        world.wait_until_running(world.submit(20))
        disk.fill(forgiving_server.process.pid)
        time.sleep(AWAY_S)
        disk.free(forgiving_server.process.pid)
        at = time.time()
        world.settle()
        fault = f"no room for Redis's file for {AWAY_S:g} s ({disk.made_of})"
        conclude(world, fault, "there being room", world.first_end_after(at))


def test_disk_for_pictures_is_full(
    place: Place, disk: Disk | LimitedFiles, server: RedisProcess, conclude: Conclude
) -> None:
    with World(place, server.url, settings={"blobs_url": f"file://{disk.folder / 'blobs'}"}) as world:
        world.wait_until_running(world.submit(20))
        writers = [pid(process) for process in world.service.workers]
        disk.fill(*writers)
        time.sleep(AWAY_S)
        disk.free(*writers)
        at = time.time()
        world.settle()
        fault = f"no room for pictures for {AWAY_S:g} s ({disk.made_of})"
        conclude(world, fault, "there being room", world.first_end_after(at))


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


def test_s3_is_away(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    """It answers nothing and refuses nothing, to the API and to workers."""
    with S3Server() as s3, Line(s3.port) as line:
        host = Host(environ={"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{line.port}"})
        with World(place, server.url, hosts=[host] * 2, api_host=host, settings={"blobs_url": s3.url}) as world:
            world.wait_until_running(world.submit(20))
            line.cut()
            time.sleep(AWAY_S)
            line.mend()
            at = time.time()
            world.submit(4)
            world.settle()
            conclude(world, f"S3 is away for {AWAY_S:g} s", "its return", world.first_end_after(at))


def pid(process: Child) -> int:
    assert process.pid is not None
    return process.pid
