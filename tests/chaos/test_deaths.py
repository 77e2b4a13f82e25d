"""Processes die by kill -9: a worker, the API, both."""

from __future__ import annotations

import time

import pytest

from deploy.loadtest.figures import quantile
from jobs.events import EventLog
from tests.chaos.conftest import Conclude
from tests.chaos.place import Place
from tests.chaos.world import QUICK, World
from tests.redis_process import RedisProcess
from tests.soak.audit import starts_after

KILLS = 20
TAKEN_OVER_S = 10.0


def test_jobs_of_a_killed_worker_end_once_and_are_told_once(
    place: Place, server: RedisProcess, conclude: Conclude
) -> None:
    with World(place, server.url, call_s=0.02, settings=QUICK) as world:
        world.wait_until_running(world.submit(8, steps=20))
        kill = world.kill_worker()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of a worker, times halved", "the kill", recovered_s)
    assert recovered_s < 15


def test_jobs_go_on_while_the_api_is_dead(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url, workers=1, call_s=0.02, settings=QUICK) as world:
        world.wait_until_running(world.submit(6))
        at = world.kill_api()
        time.sleep(1.0)
        world.start_api()
        world.settle()
        conclude(world, "kill -9 of the API, up again after 1 s, times halved", "the kill", world.first_end_after(at))


@pytest.mark.slow
def test_killed_worker(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of one of two workers", "the kill", recovered_s)
    assert recovered_s < 20


@pytest.mark.slow
def test_killed_api(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        at = world.kill_api()
        time.sleep(2.0)
        world.start_api()
        world.submit(4)
        world.settle()
        conclude(world, "kill -9 of the only API process, up again after 2 s", "the kill", world.first_end_after(at))


@pytest.mark.slow
def test_killed_worker_and_api(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        world.kill_api()
        time.sleep(2.0)
        world.start_api()
        world.settle()
        recovered_s = world.first_end_after(kill.at, kill.held)
        conclude(world, "kill -9 of a worker and of the API at once", "the kill", recovered_s)


@pytest.mark.slow
def test_all_workers_killed_and_one_started(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url) as world:
        world.wait_until_running(world.submit(20))
        kill = world.kill_worker()
        for life in world.fleet.ready():
            world.kills.append(world.fleet.kill(life))
        world.fleet.start()
        world.settle()
        recovered_s = world.first_end_after(kill.at)
        conclude(world, "kill -9 of all workers, one started at once", "the kill, the start included", recovered_s)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_jobs_of_twenty_killed_workers_soon_run_elsewhere(
    place: Place, server: RedisProcess, conclude: Conclude
) -> None:
    """What counts of a kill is the last of its jobs to start again. They end before the next kill: three would be
    too many for a job."""
    with World(place, server.url) as world:
        for _ in range(KILLS):
            world.wait_until_running(world.submit(20))
            kill = world.kill_worker()
            world.fleet.start()
            world.wait_for_ends(kill.held)
            world.wait(lambda: len(world.fleet.ready()) == 2, "the new worker is ready")
        world.settle()
        events = EventLog(world.redis)
        starts = [(kill.at, starts_after(events, kill).values()) for kill in world.kills]
        delays = [max(later) - at for at, later in starts if later]
        p95_s = quantile(delays, 0.95)
        since = f"each of {len(delays)} kills, p95 (median {quantile(delays, 0.5):.1f}, most {max(delays):.1f})"
        conclude(world, f"kill -9 of a worker, {KILLS} times; until its jobs run elsewhere", since, p95_s)
    assert len(delays) == KILLS
    assert p95_s <= TAKEN_OVER_S
