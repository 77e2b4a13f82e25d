"""Overload, absence and failure: what the service does when not all is well."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.settings import Settings
from jobs.workers import WorkerState
from tests.app.answers import problem, submit_complete
from tests.app.pictures import mask_png, picture_png
from tests.app.raw_http import SMALL, until
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def test_queue_is_bounded_even_under_parallel_posts(small: httpx.Client, near: StandIn) -> None:
    def post(_: int) -> httpx.Response:
        return small.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(post, range(24)))
    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(answers) - len(refused) == near.queue.depth() == SMALL["max_queue_depth"]
    for answer in refused:
        assert problem(answer, 429, "queue_full")["retryable"]
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(near.redis.keys("inlay:blob:*")) == SMALL["max_queue_depth"]


def test_retry_after_of_a_full_queue_follows_the_measured_pace(small: httpx.Client, near: StandIn) -> None:
    near.appear(max_batch=1)
    near.store.record_service_time(17.2)
    jobs = [submit_complete(small) for _ in range(SMALL["max_queue_depth"])]
    assert jobs[-1]["progress"]["eta_s"] == pytest.approx(17.2 * 5)
    refused = small.post("/v1/jobs", json={"task": "generate"})
    assert problem(refused, 429, "queue_full")
    assert refused.headers["retry-after"] == "18"


@pytest.mark.parametrize("share", [0.9, 1.05])
def test_full_store_refuses_jobs_until_there_is_room(share: float) -> None:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, log_format="json") as api:
        stand_in = StandIn(Settings(redis_url=SecretStr(redis.url)))
        stand_in.appear()
        stand_in.redis.setrange("ballast", 2**22, b"!")
        stand_in.redis.config_set("maxmemory", int(stand_in.redis.info("memory")["used_memory"] / share))
        before = set(stand_in.redis.keys("*"))
        refused = api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
        assert problem(refused, 429, "queue_full")["retryable"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert set(stand_in.redis.keys("*")) == before
        stand_in.redis.config_set("maxmemory", 0)
        accepted = until(202, lambda: api.client.post("/v1/jobs", json={"task": "generate"}))
        assert accepted.status_code == 202
        stand_in.close()


def test_job_that_does_not_fit_into_the_store_leaves_nothing() -> None:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, log_format="json") as api:
        stand_in = StandIn(Settings(redis_url=SecretStr(redis.url)))
        stand_in.appear()
        assert submit_complete(api.client)["state"] == "queued"  # the memory has just been looked at
        stand_in.redis.config_set("maxmemory", stand_in.redis.info("memory")["used_memory"] // 2)
        before = set(stand_in.redis.keys("*"))
        refused = api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
        problem(refused, 429, "queue_full")
        assert set(stand_in.redis.keys("*")) == before
        stand_in.close()


def test_without_worker_there_is_503(small: httpx.Client, near: StandIn) -> None:
    near.vanish()
    for response in (small.get("/readyz"), small.post("/v1/jobs", json={"task": "generate"})):
        assert problem(response, 503, "no_worker")["retryable"]
        assert int(response.headers["retry-after"]) > 0
    assert small.get("/healthz").json() == {"status": "ok"}
    near.appear(state=WorkerState.STARTING)
    problem(small.get("/readyz"), 503, "no_worker")
    near.appear()
    assert small.get("/readyz").json() == {"status": "ready", "workers": 1}


def test_worker_that_is_briefly_away_is_waited_for(http: httpx.Client, worker: StandIn) -> None:
    worker.vanish()
    problem(http.get("/readyz"), 503, "no_worker")
    assert submit_complete(http, model="any")["state"] == "queued"
    generated = http.post("/v1/jobs", json={"task": "generate"}).json()
    assert generated["input"] is None  # the native size is not known before a worker comes
    worker.redis.set(keys.WORKER_SEEN, time.time() - 61)
    problem(http.post("/v1/jobs", json={"task": "generate"}), 503, "no_worker")


def test_job_that_cannot_be_queued_leaves_nothing(small: httpx.Client, near: StandIn) -> None:
    before = set(near.redis.keys("*"))
    near.redis.set("rq:queues", "not a set, so that RQ's enqueue fails")
    response = small.post("/v1/jobs", data={"task": "inpaint"}, files={"image": picture_png(), "mask": mask_png()})
    assert problem(response, 503, "storage_unavailable")["retryable"]
    assert set(near.redis.keys("*")) == before | {b"rq:queues"}


def test_job_that_cannot_be_recorded_leaves_nothing(small: httpx.Client, near: StandIn) -> None:
    before = set(near.redis.keys("*"))
    near.redis.set(keys.ACTIVE, "not a sorted set, so that the record cannot be listed")
    response = small.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
    problem(response, 503, "storage_unavailable")
    assert set(near.redis.keys("*")) == before | {keys.ACTIVE.encode()}


def test_internal_error_tells_nothing_but_its_id(small: httpx.Client, near: StandIn) -> None:
    job = submit_complete(small)
    near.redis.hset(keys.job(job["id"]), "state", '"bewitched"')
    body = problem(small.get(job["links"]["self"], headers={"X-Request-ID": "find-me"}), 500, "internal_error")
    assert body["request_id"] == "find-me"
    assert "bewitched" not in str(body)
    assert "Traceback" not in str(body)


def records_read(worker: StandIn) -> int:
    """How often anybody has read a job's record since Redis was started."""
    stats = worker.redis.info("commandstats").get("cmdstat_hgetall", {"calls": 0})
    return int(stats["calls"])


def test_redis_may_go_and_come_back_and_sigterm_ends_long_polls_at_once() -> None:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, redis_timeout_s=2.0, log_format="json") as api:
        stand_in = StandIn(Settings(redis_url=SecretStr(redis.url)))
        stand_in.appear()
        assert submit_complete(api.client)["state"] == "queued"
        redis.kill()
        for method, path in [("GET", "/readyz"), ("GET", f"/v1/jobs/{'0' * 32}"), ("GET", "/v1/models")]:
            assert problem(api.client.request(method, path), 503, "storage_unavailable")["retryable"]
        problem(api.client.post("/v1/jobs", json={"task": "generate"}), 503, "storage_unavailable")
        assert api.client.get("/healthz").status_code == 200
        redis.start()
        stand_in.appear()
        assert api.client.get("/readyz").status_code == 200
        job = submit_complete(api.client)

        answers: list[httpx.Response] = []

        def wait() -> None:
            answers.append(api.client.get(job["links"]["self"], headers={"Prefer": "wait=30"}))

        looks = records_read(stand_in)
        poll = threading.Thread(target=wait)
        poll.start()
        deadline = time.monotonic() + 30
        while records_read(stand_in) < looks + 1:
            assert time.monotonic() < deadline, "the poll does not look at its job"
            time.sleep(0.02)
        began = time.monotonic()
        log = api.stop()
        poll.join()
        assert time.monotonic() - began < 8
        assert [answer.json()["state"] for answer in answers] == ["queued"]
        assert f'"job_id": "{job["id"]}"' in log
        assert "Traceback" not in log
        stand_in.close()
