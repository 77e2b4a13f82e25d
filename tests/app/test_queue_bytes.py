"""The queue is bounded by the bytes of its pictures, too: what is refused and how, and what makes room again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.settings import Settings
from jobs.uploads import Held, Uploads
from tests.app.answers import problem
from tests.app.pictures import encoded, gradient, picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

PICTURE = picture_png()
ROOM_FOR = 3
BOUND = ROOM_FOR * len(PICTURE) + len(PICTURE) // 2
UNBOUNDED = 2**50

Pair = tuple[ApiProcess, ApiProcess]


@pytest.fixture(scope="module")
def bounded_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="module")
def pair(bounded_redis: RedisProcess) -> Iterator[Pair]:
    """Two API processes of one service."""
    one, other = (ApiProcess(redis_url=bounded_redis.url, max_queue_bytes=BOUND) for _ in range(2))
    with one, other:
        yield one, other


@pytest.fixture
def idle(bounded_redis: RedisProcess) -> Iterator[StandIn]:
    """The worker, with nothing to do."""
    stand_in = StandIn(Settings(redis_url=SecretStr(bounded_redis.url)))
    stand_in.redis.flushall()
    stand_in.appear()
    yield stand_in
    stand_in.close()


def send(http: httpx.Client, headers: dict[str, str] | None = None, **changes: str) -> httpx.Response:
    fields = {"task": "complete"} | changes
    return http.post("/v1/jobs", data=fields, files={"image": PICTURE}, headers=headers)


def filled(http: httpx.Client) -> list[str]:
    answers = [send(http) for _ in range(ROOM_FOR)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["id"] for answer in answers]


def held(worker: StandIn) -> Held:
    return Uploads(worker.redis).held(UNBOUNDED)


def test_upload_beyond_the_bound_is_refused_and_leaves_nothing(pair: Pair, idle: StandIn) -> None:
    http = pair[0].client
    filled(http)
    before = set(idle.redis.keys("*"))
    refused = send(http)
    body = problem(refused, 429, "queue_full")
    assert body["retryable"]
    assert body["detail"] == f"The pictures of 3 unfinished jobs take {3 * len(PICTURE)} bytes already."
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert set(idle.redis.keys("*")) == before
    assert http.post("/v1/jobs", json={"task": "generate"}).status_code == 202, "it has no picture"
    assert http.get("/v1/limits").json()["max_queue_bytes"] == BOUND


def test_retry_after_is_the_time_in_which_as_many_bytes_leave_as_are_missing(pair: Pair, idle: StandIn) -> None:
    idle.appear(max_batch=1)
    idle.store.record_service_time(7.2)
    http = pair[0].client
    filled(http)
    assert send(http).headers["retry-after"] == "8", "half a picture is missing, so one job must end"
    large = encoded(gradient(160, 80))
    missing = 3 * len(PICTURE) + len(large) - BOUND
    assert len(PICTURE) < missing < 2 * len(PICTURE)
    refused = http.post("/v1/jobs", data={"task": "complete"}, files={"image": large})
    assert problem(refused, 429, "queue_full")
    assert refused.headers["retry-after"] == "15", "two must end"


def succeeds(http: httpx.Client, worker: StandIn, job_id: str) -> None:
    worker.finish(worker.start(job_id))


def fails(http: httpx.Client, worker: StandIn, job_id: str) -> None:
    worker.fail(worker.start(job_id))


def is_canceled(http: httpx.Client, worker: StandIn, job_id: str) -> None:
    assert http.post(f"/v1/jobs/{job_id}/cancel").status_code == 200


def is_deleted(http: httpx.Client, worker: StandIn, job_id: str) -> None:
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204


def expires(http: httpx.Client, worker: StandIn, job_id: str) -> None:
    worker.redis.delete(keys.job(job_id))
    time.sleep(1)  # jobs that say nothing of their end are looked for once a second


@pytest.mark.parametrize("ends", [succeeds, fails, is_canceled, is_deleted, expires])
def test_job_that_ends_makes_room_for_one(
    pair: Pair, idle: StandIn, ends: Callable[[httpx.Client, StandIn, str], None]
) -> None:
    one, other = (api.client for api in pair)
    job_id = filled(one)[0]
    problem(send(other), 429, "queue_full")
    ends(one, idle, job_id)
    assert send(other).status_code == 202
    problem(send(one), 429, "queue_full")
    assert held(idle) == Held(3 * len(PICTURE), 3)


def test_job_whose_worker_died_makes_no_room(pair: Pair, idle: StandIn) -> None:
    http = pair[0].client
    job_id = filled(http)[0]
    idle.give_back(idle.start(job_id))
    problem(send(http), 429, "queue_full")
    idle.finish(idle.start(job_id))
    assert send(http).status_code == 202


def test_submission_that_is_repeated_counts_once_even_through_both_processes_at_once(pair: Pair, idle: StandIn) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: send(pair[number % 2].client, {"Idempotency-Key": "one"}), range(24)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert held(idle) == Held(len(PICTURE), 1)
    assert len(idle.redis.keys("inlay:blob:*")) == 1


def test_bound_holds_exactly_for_two_processes_at_once(pair: Pair, idle: StandIn) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: send(pair[number % 2].client), range(48)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) == ROOM_FOR == len(idle.redis.keys("inlay:blob:*"))
    for answer in answers:
        if answer.status_code != 202:
            problem(answer, 429, "queue_full")
    assert held(idle) == Held(3 * len(PICTURE), 3)
    for answer in accepted:
        is_deleted(pair[0].client, idle, answer.json()["id"])
    assert held(idle) == Held(0, 0)
