"""A report that the simulation itself has made is predicted; one that it could not have made is not."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from deploy.pace import Pace
from deploy.simulation.comparison import compare, figures, jobs_of_row, table
from deploy.simulation.redis_counters import RedisCounters, Used, between, sent
from deploy.simulation.redis_operations import need
from deploy.simulation.scale import RedisNeed
from deploy.simulation.service import Design, simulate
from tests.redis_process import RedisProcess

PACE = Pace({1: 0.01, 8: 0.03}, {1: 0.005, 4: 0.02})
TURN_S, OUTSIDE_S = 0.002, 0.05


def reported(rate: float, workers: int, turn_s: float = TURN_S) -> dict[str, Any]:
    row: dict[str, Any] = {"profile": "steady", "rate": rate, "seconds": 60.0, "most": 500, "seed": 1, "steps": 10}
    row |= {"workers": workers}
    design = Design(PACE, workers, turn_s=turn_s)
    told = figures(simulate(design, jobs_of_row(row)).ended)
    for quantile in ("p50", "p95"):
        told[f"end_to_end_{quantile}_s"] += OUTSIDE_S
    return row | {"figures": told}


def test_what_the_lightest_row_shows_predicts_the_others() -> None:
    differences = compare([reported(0.5, 1), reported(2.0, 1), reported(4.0, 2)], {1: PACE, 2: PACE})
    assert len(differences) == 9
    assert all(one.within for one in differences), table(differences)
    assert sum(one.calibrated for one in differences) == 3


def test_a_row_that_is_slower_than_its_pace_is_beyond() -> None:
    differences = compare([reported(0.5, 1), reported(2.0, 1, turn_s=0.03)], {1: PACE})
    assert not all(one.within for one in differences)
    assert "beyond 15 %" in table(differences)


def test_a_mix_of_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="mixes tasks"):
        compare([reported(0.5, 1) | {"profile": "mixed-tasks"}], {1: PACE})


def test_what_an_idle_service_asks_of_redis_is_not_put_on_its_jobs() -> None:
    idle = between({"get": Used(0, 0)}, {"get": Used(100, 1000)})
    loaded = between({"get": Used(100, 1000)}, {"get": Used(400, 4000), "evalsha": Used(10, 500)})
    found = need(idle, 10.0, loaded, 20.0, jobs=10)
    assert found == RedisNeed(commands_a_job=11.0, us_a_job=150.0, commands_a_worker_s=10.0, us_a_worker_s=100.0)
    assert found.busy(jobs_per_s=1000, workers=1000) == pytest.approx(0.25)


def test_what_scripts_call_is_the_scripts_and_what_a_transaction_holds_is_counted_once() -> None:
    executed = {"get": Used(40, 400), "set": Used(5, 50), "evalsha": Used(10, 500), "exec": Used(1, 60)}
    assert sent(executed, {"get": 30, "set": 5}) == {
        "get": Used(10, 100),
        "evalsha": Used(10, 500),
        "exec": Used(1, 0),
    }


def test_redis_tells_what_scripts_call_from_what_clients_send(redis_server: RedisProcess) -> None:
    with redis.Redis.from_url(redis_server.url) as client, RedisCounters(client) as counters:
        script = client.register_script(
            "for i = 1, 3 do redis.call('SET', KEYS[1], i) end return redis.call('get', KEYS[1])"
        )
        script(keys=["a"])
        before = counters.now()
        for _ in range(5):
            script(keys=["a"])
        client.set("a", "echo")
        after = counters.now()
    assert after.by_scripts - before.by_scripts == {"set": 15, "get": 5}
    assert {name: used.calls for name, used in before.until(after).items()} == {"evalsha": 5, "set": 1}
