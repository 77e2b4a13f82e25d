"""The master of two Redis servers dies, and Sentinels make the replica master."""

from __future__ import annotations

import time

import pytest

from tests.chaos.conftest import Conclude
from tests.chaos.place import Place
from tests.chaos.sentinels import Sentinels
from tests.chaos.world import World

REPLICATED_S = 1.0
"""Replication is asynchronous: what the master had answered and not yet sent on is lost with it."""


@pytest.mark.slow
def test_master_dies_and_the_replica_takes_over(place: Place, conclude: Conclude) -> None:
    with Sentinels() as group, World(place, group.url) as world:
        world.wait_until_running(world.submit(20))
        time.sleep(REPLICATED_S)
        at = group.kill_master()
        world.submit(4)
        world.settle()
        conclude(world, "kill -9 of the master under Sentinel, no return", "the kill", world.first_end_after(at))
