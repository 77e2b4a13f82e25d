"""What is wrong with one job or one host: a job that kills its worker, a clock that jumps, memory that is short."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from deploy.loadtest.service import Host
from tests.chaos.conftest import Conclude
from tests.chaos.invariants import ANY
from tests.chaos.place import Place
from tests.chaos.poisoned_worker import POISON
from tests.chaos.world import World
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.slow

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def test_job_that_kills_its_workers_fails_after_three(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    """Those that come after it succeed."""
    worker = ("tests.chaos.poisoned_worker",)
    with World(place, server.url, workers=1, worker=worker) as world:
        at = time.time()
        (poison,) = world.submit(1, task="generate", prompt=POISON)
        world.expected[poison] = "failed"
        while world.store.state(poison) != "failed":
            world.replace_dead()
            time.sleep(0.1)
        world.replace_dead()
        world.submit(6)
        world.settle()
        job = world.store.get(poison)
        assert job is not None
        assert job.error is not None
        assert (job.error.code, job.attempt) == ("poison_job", 3)
        conclude(world, "a job that kills three workers", "its submission", world.first_end_after(at, [poison]))


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_clock_of_the_workers_jumps(
    place: Place,
    server: RedisProcess,
    conclude: Conclude,
    missing_system_part: Callable[[str], NoReturn],
    jump_s: int,
) -> None:
    """By an hour, while they work; their monotonic clock does not, as on a real host."""
    if not FAKETIME:
        missing_system_part("libfaketime: apt-get install faketime")
    clock = place.folder / "clock"
    clock.write_text("+0")
    environ = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    hosts = [Host(environ=environ)] * 2
    with World(place, server.url, worker=("tests.chaos.jumping_worker",), hosts=hosts) as world:
        world.wait_until_running(world.submit(12))
        clock.write_text(f"{jump_s:+d}")
        at = time.time()
        world.submit(8)
        world.settle()
        conclude(world, f"the workers' clocks jump by {jump_s:+d} s", "the jump", world.first_end_after(at))


def test_worker_has_hardly_any_memory_left(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    """A picture that would need much more than there is ends somehow; small ones beside it succeed."""
    with World(place, server.url) as world:
        world.submit(6)
        for life in world.fleet.lives:
            assert life.process.pid is not None
            process = psutil.Process(life.process.pid)
            most = process.memory_info().vms + 16 * 2**20
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (most, hard))
        at = time.time()
        (large,) = world.submit(1, task="generate", width_px=2048, height_px=2048)
        world.expected[large] = ANY
        small = world.submit(6)
        ended_by = time.monotonic() + 120
        while world.store.state(large) in {"queued", "running"}:
            assert time.monotonic() < ended_by
            world.replace_dead()
            time.sleep(0.1)
        world.settle()
        conclude(world, "16 MiB of memory left to each worker", "the limit", world.first_end_after(at, small))
