"""Redis is away for a while, and clients watch: they are told to come back, and workers keep what they have."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from inlay.child import Child
from tests.chaos.conftest import Conclude
from tests.chaos.orders import Asked
from tests.chaos.place import Place
from tests.chaos.watchers import GOOD, Follower, Poller, Submitter, Watcher, Watchers
from tests.chaos.world import QUICK, World
from tests.redis_process import RedisProcess

NOTICED_S = 1.0
"""After which no answer may come of what an API had read before."""
ANSWERED_S = 10.0
RESUMED_S = 5.0


def test_clients_are_told_to_come_back_while_redis_is_away(
    place: Place, server: RedisProcess, conclude: Conclude
) -> None:
    with World(place, server.url, workers=1, call_s=0.02, settings=QUICK) as world:
        resumed_s = away(world, server, away_s=2.0)
        world.settle()
        conclude(world, "Redis is away for 2 s, times halved", "its return, until all goes on", resumed_s)


@pytest.mark.slow
def test_all_goes_on_after_redis_was_away_for_30_s(place: Place, server: RedisProcess, conclude: Conclude) -> None:
    with World(place, server.url) as world:
        resumed_s = away(world, server, away_s=30.0)
        world.settle()
        conclude(world, "Redis is away for 30 s, clients watch", "its return, until all goes on", resumed_s)
    assert resumed_s <= RESUMED_S


def away(world: World, server: RedisProcess, away_s: float) -> float:
    """Kill Redis and start it again, with clients of every kind; seconds from its return until all are served again
    and every worker has ended a job."""
    ids = world.submit(12 * len(world.service.workers))
    world.wait_until_running(ids)
    processes = [process.pid for process in world.service.workers]
    followed = [Follower(world.clients["anna"], ids[-2]), Follower(world.clients["ben"], ids[-1])]
    with Watchers([*followed, *clients(world, ids)]) as watchers:
        time.sleep(1.0)
        gone = time.time()
        server.kill()
        time.sleep(away_s)
        returning = time.time()
        server.start()
        back = time.time()
        world.wait(lambda: resumed(world, watchers.all, back), "all goes on")
        resumed_s = resumed(world, watchers.all, back) or 0.0
        world.wait_for_ends(ids)
        time.sleep(1.0)
        meanwhile = watchers.answers(gone + NOTICED_S, returning)
        answers = watchers.answers(0.0, time.time())
    assert len(meanwhile) > away_s
    assert [one for one in meanwhile if not one.says_to_come_back] == []
    assert [
        one for one in answers if one.status not in {*GOOD, 503} or (one.took_s > ANSWERED_S and not one.streamed)
    ] == []
    assert [process.pid for process in world.service.workers] == processes
    assert [loads(process) for process in world.service.workers] == [1] * len(processes)
    assert all(one.heard == one.replay() for one in followed)
    return resumed_s


def loads(worker: Child) -> int:
    """How often its model got ready."""
    lines = map(json.loads, worker.spec.log_path.read_text().splitlines())
    return sum(line["event"] == "ready" for line in lines)


def clients(world: World, ids: list[str]) -> list[Watcher]:
    asked = Asked({"task": "generate", "steps": 10, "seed": 0})
    submitters = [
        Submitter(http, asked, world.receiver.url, world.ledger, caller) for caller, http in world.clients.items()
    ]
    anna, ben = world.clients.values()
    return [*submitters, Poller(anna, ids[0]), Poller(ben, ids[1]), Poller(anna, ids[-2], wait_s=2)]


def resumed(world: World, watchers: Sequence[Watcher], back: float) -> float | None:
    """Seconds after `back`; None before it is so."""
    good = [one.good_after(back) for one in watchers if not isinstance(one, Follower)]
    ended: dict[str, float] = {}
    for record in world.store.get_many([line.job_id for line in world.ledger.of("accepted")]):
        if record and record.finished_at and record.worker and record.finished_at.timestamp() > back:
            at = record.finished_at.timestamp()
            ended[record.worker] = min(at, ended.get(record.worker, at))
    moments = [*good, *ended.values()]
    if None in moments or len(ended) < len(world.service.workers):
        return None
    return max(at for at in moments if at is not None) - back
