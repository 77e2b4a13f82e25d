"""Many who follow, and what is left of them: nothing."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.app.crowd import Crowd
from tests.app.listening import COMMENT, HEARTBEAT_S, WHOLE_LIFE, Listener, run, submit
from tests.app.service import ApiProcess
from tests.app.sse import names
from tests.app.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("silence")


def test_fifty_followers_of_one_job_all_hear_everything(api: ApiProcess, http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    crowd = Crowd(api, [job["links"]["events"]] * 50)
    run(worker, job["id"], pause_s=0.02)
    heard = crowd.heard()
    assert len(heard) == 50
    assert names(heard[0]) == WHOLE_LIFE
    assert all(one == heard[0] for one in heard)


def test_followers_of_many_jobs_share_a_few_connections_to_redis_and_leave_nothing_behind(
    api: ApiProcess, http: httpx.Client, worker: StandIn
) -> None:
    jobs = [submit(http) for _ in range(40)]
    before = len(worker.redis.client_list())
    crowd = Crowd(api, [job["links"]["events"] for job in jobs])
    opened = len(worker.redis.client_list()) - before  # judged below, when nobody is left to disturb other tests
    for job in jobs:
        run(worker, job["id"])
    assert [names(heard) for heard in crowd.heard()] == [WHOLE_LIFE] * 40
    assert opened < 20  # not one each; how many the pool's threads need for their own depends on how many asked at once
    assert nobody_is_followed_any_more(worker)


def somebody_is_followed(worker: StandIn) -> bool:
    """Whether the server reads streams: within a second it waits for one of them."""
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        if any("b" in client["flags"] for client in worker.redis.client_list()):
            return True
        time.sleep(0.02)
    return False


def nobody_is_followed_any_more(worker: StandIn) -> bool:
    until = time.monotonic() + 20.0
    while somebody_is_followed(worker):
        if time.monotonic() > until:
            return False
    return True


def test_client_that_goes_away_is_forgotten(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    with http.stream("GET", job["links"]["events"]) as response:
        assert next(response.iter_lines()) == "retry: 1000"
        assert somebody_is_followed(worker)
    assert nobody_is_followed_any_more(worker)


def test_silence_is_filled_with_comments(silence: tuple[Listener, StandIn, str]) -> None:
    listener, worker, job_id = silence
    listener.hears(COMMENT, within_s=HEARTBEAT_S + 10)
    before = listener.lines.index(COMMENT) - 1
    assert listener.times[before + 1] - listener.times[before] >= HEARTBEAT_S - 1
    run(worker, job_id)
    listener.join(30)
    assert names(listener.events) == WHOLE_LIFE
