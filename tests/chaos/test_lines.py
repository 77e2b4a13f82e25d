"""The network between workers and Redis is cut or slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.loadtest.service import Host
from tests.chaos.conftest import Conclude
from tests.chaos.network import Network, best_network
from tests.chaos.place import Place
from tests.chaos.proxy import Line
from tests.chaos.world import World
from tests.redis_process import RedisProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SLOW_S = 0.2


@pytest.fixture
def network() -> Iterator[Network]:
    with best_network() as made:
        yield made


@pytest.mark.parametrize("cut_s", [5, 30, 90])
def test_all_workers_are_cut_off(place: Place, network: Network, conclude: Conclude, cut_s: int) -> None:
    with World(place, network.server.url, hosts=network.hosts) as world:
        world.wait_until_running(world.submit(20))
        network.cut(0, 1)
        time.sleep(cut_s)
        network.mend(0, 1)
        at = time.time()
        world.settle()
        fault = f"no worker reaches Redis for {cut_s} s ({network.made_of})"
        conclude(world, fault, "the line being whole", world.first_end_after(at))


@pytest.mark.parametrize("cut_s", [5, 30, 90])
def test_one_worker_is_cut_off_and_comes_back_with_what_another_has_taken_over(
    place: Place, network: Network, conclude: Conclude, cut_s: int
) -> None:
    """Both may sample the same job for a while: its end is one all the same."""
    with World(place, network.server.url, hosts=network.hosts) as world:
        world.wait_until_running(world.submit(20))
        cut_off = world.fleet.lives[0]
        world.wait(lambda: world.fleet.ready() and world.fleet.held(cut_off), "the one to be cut off has jobs")
        touched = world.fleet.held(cut_off)
        network.cut(0)
        at = time.time()
        time.sleep(cut_s)
        network.mend(0)
        world.settle()
        fault = f"one of two workers does not reach Redis for {cut_s} s ({network.made_of})"
        conclude(world, fault, "the cut", world.first_end_after(at, touched))


def test_redis_is_slow(tmp_path: Path, server: RedisProcess, conclude: Conclude) -> None:
    """Every answer, and every command, is 0.2 s on its way, for API and workers; a submission takes seconds."""
    with Line(server.socket) as line:
        host = Host(line.url)
        with World(Place(tmp_path), server.url, hosts=[host] * 2, api_host=host) as world:
            line.delay_s = SLOW_S
            at = time.time()
            ids = world.submit(12)
            world.wait_for_end(ids)
            recovered_s = world.first_end_after(at)
            line.delay_s = 0.0
            world.settle()
            conclude(world, f"Redis is {2 * SLOW_S:g} s away", "the first submission", recovered_s)
