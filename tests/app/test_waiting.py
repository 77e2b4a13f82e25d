"""Requests that wait for a job: what happens to it wakes them, and waiting itself costs Redis next to nothing."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.connect import text
from jobs.settings import Settings
from tests.app.answers import problem
from tests.app.listening import submit
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.app.waiters import all_waiting, commands, get, later, post
from tests.redis_process import RedisProcess

QUIET_S = 3.0
AT_ONCE_S = 4.0
"""On a busy machine. Nobody who waits looks by himself before 30 s."""


def waits(http: httpx.Client, job: dict[str, Any], wait_s: int = 30) -> httpx.Response:
    return http.get(job["links"]["self"], headers={"Prefer": f"wait={wait_s}"})


def test_a_thousand_who_wait_cost_redis_next_to_nothing_and_are_all_answered_at_the_end(
    api: ApiProcess, http: httpx.Client, worker: StandIn
) -> None:
    job = submit(http)
    record = worker.start(job["id"])
    with all_waiting(worker, api, 1000, get(job["links"]["self"], Prefer="wait=30")) as waiters:
        before = commands(worker)
        time.sleep(QUIET_S)
        cost = commands(worker) - before
        worker.finish(record)
        ended = time.monotonic()
    assert cost < 50 * QUIET_S, "the reader of events and the courier of webhooks ask, and nobody else"
    assert {(one.status, one.body["state"]) for one in waiters.answers} == {(200, "succeeded")}
    assert len(waiters.answers) == 1000
    assert min(one.at for one in waiters.answers) >= ended - 1


def test_those_who_wait_with_openais_client_cost_as_little(api: ApiProcess, worker: StandIn) -> None:
    with all_waiting(worker, api, 12, post("/v1/images/generations", {"prompt": "a vase"})) as waiters:
        before = commands(worker)
        time.sleep(QUIET_S)
        cost = commands(worker) - before
        waiting = worker.queue.waiting()
        for job_id in waiting:
            worker.finish(worker.start(job_id))
    assert cost < 50 * QUIET_S
    assert len(waiting) == 12
    assert [one.status for one in waiters.answers] == [200] * 12


def test_the_end_is_answered_at_once(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    record = worker.start(job["id"])
    with later(1.0, lambda: worker.finish(record)) as ended:
        assert waits(http, job).json()["state"] == "succeeded"
        assert time.monotonic() - ended[0] < AT_ONCE_S


def test_a_trimmed_stream_still_tells_the_end(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    record = worker.start(job["id"])

    def trim_and_finish() -> None:
        worker.redis.xtrim(keys.events(job["id"]), maxlen=0, approximate=False)
        worker.finish(record)

    with later(1.0, trim_and_finish) as ended:
        assert waits(http, job).json()["state"] == "succeeded"
        assert time.monotonic() - ended[0] < AT_ONCE_S


def test_who_waits_for_a_deleted_job_learns_at_once(api: ApiProcess, http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    worker.start(job["id"])
    other = httpx.Client(base_url=str(api.client.base_url), trust_env=False)
    with other, later(1.0, lambda: other.delete(job["links"]["self"])) as deleted:
        problem(waits(http, job), 404, "job_not_found")
        assert time.monotonic() - deleted[0] < AT_ONCE_S


def test_a_job_that_expires_meanwhile_is_told_when_the_wait_ends(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    for key in (keys.job(job["id"]), keys.events(job["id"])):
        worker.redis.pexpire(key, 1000)
    problem(waits(http, job, 3), 410, "job_expired")


@pytest.mark.parametrize("path", ["/v1/jobs/{id}", "/v1/images/generations"])
def test_a_wait_outlives_a_restart_of_redis(path: str) -> None:
    with RedisProcess(append_only=True, sync_always=True) as redis, ApiProcess(redis_url=redis.url) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        own = path.endswith("{id}")
        job_id = submit(api.client)["id"] if own else None
        request = get(path.format(id=job_id), Prefer="wait=30") if own else post(path, {"prompt": "a vase"})
        with all_waiting(worker, api, 1, request) as waiters:
            redis.stop()
            time.sleep(1.5)
            redis.start()
            worker.finish(worker.start(job_id or worker.queue.waiting().pop()))
            ended = time.monotonic()
        worker.close()
    assert waiters.answers[0].status == 200
    assert waiters.answers[0].at - ended < AT_ONCE_S


@pytest.mark.parametrize("wait_s", [5, 30])
def test_who_leaves_is_not_waited_for(http: httpx.Client, worker: StandIn, wait_s: int) -> None:
    job = submit(http)
    with pytest.raises(httpx.ReadTimeout):
        http.get(job["links"]["self"], headers={"Prefer": f"wait={wait_s}"}, timeout=1.0)
    deadline = time.monotonic() + 4
    while any("b" in text(client["flags"]) for client in worker.redis.client_list()):  # streams are read
        assert time.monotonic() < deadline
        time.sleep(0.3)
