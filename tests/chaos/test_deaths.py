"""Processes die by kill -9: a worker, the API, both, Redis."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos.conftest import Conclude
from tests.chaos.world import QUICK, World
from tests.redis_process import RedisProcess


def test_jobs_of_a_killed_worker_end_once_and_are_told_once(
    tmp_path: Path, server: RedisProcess, conclude: Conclude
) -> None:
    with World(tmp_path, server.url, call_s=0.02, settings=QUICK) as world:
        world.wait_until_running(world.submit(8, steps=20))
        kill = world.kill_worker()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of a worker, times halved", "the kill", recovered_s)
    assert recovered_s < 15


def test_jobs_go_on_while_the_api_is_dead(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url, workers=1, call_s=0.02, settings=QUICK) as world:
        world.wait_until_running(world.submit(6))
        at = world.kill_api()
        time.sleep(1.0)
        world.start_api()
        world.settle()
        conclude(world, "kill -9 of the API, up again after 1 s, times halved", "the kill", world.first_end_after(at))


@pytest.mark.slow
def test_killed_worker(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of one of two workers", "the kill", recovered_s)
    assert recovered_s < 20


@pytest.mark.slow
def test_killed_api(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url) as world:
        world.wait_until_running(world.submit(20))
        at = world.kill_api()
        time.sleep(2.0)
        world.start_api()
        world.submit(4)
        world.settle()
        conclude(world, "kill -9 of the only API process, up again after 2 s", "the kill", world.first_end_after(at))


@pytest.mark.slow
def test_killed_worker_and_api(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        world.kill_api()
        time.sleep(2.0)
        world.start_api()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of a worker and of the API at once", "the kill", recovered_s)


@pytest.mark.slow
def test_all_workers_killed_and_one_started(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        for life in world.fleet.ready():
            world.kills.append(world.fleet.kill(life))
        world.fleet.start()
        world.settle()
        recovered_s = world.first_end_after(kill.at)
        conclude(world, "kill -9 of all workers, one started at once", "the kill, the start included", recovered_s)


@pytest.mark.slow
def test_killed_redis_with_its_file(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    with World(tmp_path, server.url) as world:
        world.wait_until_running(world.submit(20))
        server.kill()
        time.sleep(2.0)
        server.start()
        at = time.time()
        world.submit(4)
        world.settle()
        conclude(
            world,
            "kill -9 of Redis (append-only file), up again after 2 s",
            "Redis being up",
            world.first_end_after(at),
        )
