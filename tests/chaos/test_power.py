"""Redis dies, or its host does: what was on the disk, and what that costs with each setting of `appendfsync`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Literal, NoReturn

import pytest

from tests.chaos.conftest import Conclude
from tests.chaos.disk import Disk, can_be_mounted
from tests.chaos.invariants import GONE
from tests.chaos.place import Place
from tests.chaos.world import World
from tests.redis_process import RedisProcess
from tests.soak.fleet import Kill

pytestmark = pytest.mark.slow

Sync = Literal["always", "everysec"]
SUBMITTING_S = 4.0
OLDEST_LOST_S = 2.0


@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_killed_redis_has_everything_in_its_file(place: Place, conclude: Conclude, sync: Sync) -> None:
    """What a process has written is the kernel's, so that its death takes nothing along."""
    with RedisProcess(append_only=True, sync_always=sync == "always") as server, World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        server.kill()
        time.sleep(2.0)
        server.start()
        at = time.time()
        world.submit(4)
        world.settle()
        fault = f"kill -9 of Redis (appendfsync {sync}), up again after 2 s"
        conclude(world, fault, "Redis being up", world.first_end_after(at))


@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_host_of_redis_loses_its_power(
    place: Place, conclude: Conclude, missing_system_part: Callable[[str], NoReturn], sync: Sync
) -> None:
    """What was not synced is gone, and with `everysec` jobs that were accepted last. Others end once all the same."""
    if not can_be_mounted(place.folder):
        missing_system_part("the right to mount a disk (root)")
    with Disk(place.folder) as disk, redis_on(disk, sync) as server, World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        until = time.monotonic() + SUBMITTING_S
        while time.monotonic() < until:
            world.submit(1, task="generate")
        at = power_cut(server, disk)
        time.sleep(2.0)
        disk.restore()
        server.start()
        back = time.time()
        accepted = {line.job_id: line.at for line in world.ledger.of("accepted")}
        gone = [job_id for job_id in accepted if world.store.get(job_id) is None]
        world.expected |= dict.fromkeys(gone, GONE)
        world.kills.append(Kill(at, "", frozenset(accepted)))  # whatever Redis forgot of a job, its worker held it
        world.submit(4)
        world.settle()
        oldest_s = max((at - accepted[job_id] for job_id in gone), default=0.0)
        told = f"; accepted up to {oldest_s:.1f} s before the cut are lost" if gone else ""
        fault = f"power cut of Redis's host (appendfsync {sync}), up again after 2 s"
        conclude(world, fault, f"Redis being up{told}", world.first_end_after(back))
    assert oldest_s <= (0.0 if sync == "always" else OLDEST_LOST_S)


def redis_on(disk: Disk, sync: Sync) -> RedisProcess:
    return RedisProcess(append_only=True, options=("--dir", str(disk.folder), "--appendfsync", sync))


def power_cut(server: RedisProcess, disk: Disk) -> float:
    """Redis stands still before its disk does, so that it answers nothing any more; the Unix time of it."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    at = time.time()
    disk.cut_power()
    server.kill()
    return at
