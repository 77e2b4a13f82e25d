"""A service with a fault of its own is found out: by what the ledger was promised, and by the pictures it was shown."""

from __future__ import annotations

import pytest

from tests.chaos.place import Place
from tests.chaos.world import World
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.slow


def test_jobs_that_redis_forgets_are_found(place: Place) -> None:
    with RedisProcess(append_only=False) as server, World(place, server.url, workers=1) as world:
        ids = world.submit(8, steps=100)
        server.kill()
        server.start()
        wrong = world.wrong()
    assert {f"{job_id} has no end" for job_id in ids} <= set(wrong)
    assert {f"{job_id} is lost" for job_id in ids} <= set(wrong)


def test_pictures_that_depend_on_their_worker_are_found(place: Place, server: RedisProcess) -> None:
    with World(place, server.url, worker=("tests.chaos.drifting_worker",)) as world:
        world.submit(24, task="generate", seed=1)
        world.settle()
        wrong = world.wrong()
    assert wrong
    assert all(sentence.endswith("and equal jobs otherwise") for sentence in wrong)
