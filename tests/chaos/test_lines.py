"""The network between workers and Redis is cut or slow."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos.conftest import Conclude
from tests.chaos.place import Place
from tests.chaos.proxy import Line
from tests.chaos.world import World
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.slow

SLOW_S = 0.2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cut_s", [5, 30, 90])
def test_all_workers_are_cut_off(place: Place, server: RedisProcess, conclude: Conclude, cut_s: int) -> None:
    with Line(server.socket) as line, World(place, server.url, worker_urls=[line.url] * 2) as world:
        world.wait_until_running(world.submit(20))
        line.cut()
        time.sleep(cut_s)
        line.mend()
        at = time.time()
        world.settle()
        conclude(world, f"no worker reaches Redis for {cut_s} s", "the line being whole", world.first_end_after(at))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cut_s", [5, 30, 90])
def test_one_worker_is_cut_off_and_comes_back_with_what_another_has_taken_over(
    place: Place, server: RedisProcess, conclude: Conclude, cut_s: int
) -> None:
    """Both may sample the same job for a while: its end is one all the same."""
    with Line(server.socket) as line, World(place, server.url, worker_urls=[line.url, server.url]) as world:
        world.wait_until_running(world.submit(20))
        cut_off = world.fleet.lives[0]
        world.wait(lambda: world.fleet.held(cut_off), "the one to be cut off has jobs")
        touched = world.fleet.held(cut_off)
        line.cut()
        at = time.time()
        time.sleep(cut_s)
        line.mend()
        world.settle()
        recovered_s = world.first_end_after(at, touched)
        conclude(world, f"one of two workers does not reach Redis for {cut_s} s", "the cut", recovered_s)


@pytest.mark.timeout(600)
def test_redis_is_slow(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    """Every answer, and every command, is 0.2 s on its way, for API and workers; a submission takes seconds."""
    with (
        Line(server.socket) as line,
        World(Place(tmp_path), server.url, worker_urls=[line.url] * 2, api_url=line.url) as world,
    ):
        line.delay_s = SLOW_S
        at = time.time()
        ids = world.submit(12)
        world.wait_for_end(ids)
        recovered_s = world.first_end_after(at)
        line.delay_s = 0.0
        world.settle()
        conclude(world, f"Redis is {2 * SLOW_S:g} s away", "the first submission", recovered_s)
