"""Overload, absence and failure: what the service does when not all is well."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from jobs import keys
from jobs.settings import Settings
from jobs.workers import WorkerState
from tests.app.pictures import encoded, mask_png, picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.app.test_contract import problem, submit_complete
from tests.redis_process import RedisProcess

SMALL: dict[str, Any] = {
    "max_upload_bytes": 200_000,
    "max_inflight_bytes": 2**21,
    "body_timeout_s": 5,
    "max_queue_depth": 5,
    "worker_grace_s": 0,
}


@pytest.fixture(scope="module")
def small_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="module")
def small_api(small_redis: RedisProcess) -> Iterator[ApiProcess]:
    """A service with tight limits."""
    with ApiProcess(redis_url=small_redis.url, log_format="json", **SMALL) as process:
        yield process


@pytest.fixture
def near(small_redis: RedisProcess) -> Iterator[StandIn]:
    """The small service's worker, alive; its Redis is empty."""
    stand_in = StandIn(Settings(redis_url=SecretStr(small_redis.url)))
    stand_in.redis.flushall()
    stand_in.appear()
    yield stand_in
    stand_in.close()


@pytest.fixture
def small(small_api: ApiProcess, near: StandIn) -> httpx.Client:
    return small_api.client


def pieces(count: int, size: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


JSON = {"Content-Type": "application/json"}


def test_announced_body_over_the_limit_is_refused(small: httpx.Client) -> None:
    problem(small.post("/v1/jobs", content=bytes(3 * 2**20), headers=JSON), 413, "body_too_large")


def test_unannounced_body_is_counted_while_it_streams(small: httpx.Client) -> None:
    problem(small.post("/v1/jobs", content=pieces(60, 2**16), headers=JSON), 413, "body_too_large")


def test_every_route_has_the_body_limit(small: httpx.Client) -> None:
    assert small.post("/nowhere", content=bytes(3 * 2**20)).status_code == 404
    assert small.get("/healthz").status_code == 200


def test_client_that_waits_for_continue_need_not_send(small_api: ApiProcess, near: StandIn) -> None:
    head = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n"
    answer = raw(small_api, head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
    assert b"connection: close" in answer.lower()


def raw(api: ApiProcess, request: bytes) -> bytes:
    """Everything the server says to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(request)
        return all_from(connection)


def all_from(connection: socket.socket) -> bytes:
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


@pytest.mark.parametrize(
    "request_bytes",
    [b"nonsense\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n"],
)
def test_broken_http_is_answered_with_a_problem(small_api: ApiProcess, request_bytes: bytes) -> None:
    head, _, body = raw(small_api, request_bytes).partition(b"\r\n\r\n")
    lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
    response = httpx.Response(int(head.split()[1]), headers=[(name, value) for name, value in lines], content=body)
    problem(response, 400, "bad_request")


def test_problem_types_have_the_prefix_of_the_proxy(small_redis: RedisProcess, near: StandIn) -> None:
    with ApiProcess(root_path="/inlay", redis_url=small_redis.url, log_format="json") as api:
        assert submit_complete(api.client)["links"]["self"].startswith("/inlay/v1/jobs/")
        for path in ("/v1/jobs/" + "0" * 32, "/nowhere"):
            assert api.client.get(path).json()["type"].startswith("/inlay/docs/problems#")
        assert b'"/inlay/docs/problems#bad_request"' in raw(api, b"nonsense\r\n\r\n")
        near.redis.hset(keys.job(job_id := submit_complete(api.client)["id"]), "state", '"bewitched"')
        internal = api.client.get(f"/v1/jobs/{job_id}").json()
        assert internal["type"] == "/inlay/docs/problems#internal_error"


def upload_that_stalls(api: ApiProcess, sent_bytes: int) -> socket.socket:
    """A connection that announces a body of 1.5 MB and stops after so many bytes."""
    connection = socket.create_connection(("127.0.0.1", api.port), timeout=30)
    head = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1500000\r\n\r\n"
    connection.sendall(head.encode() + b" " * sent_bytes)
    return connection


def test_body_that_stalls_times_out(small_api: ApiProcess, near: StandIn) -> None:
    began = time.monotonic()
    with upload_that_stalls(small_api, 100) as connection:
        answer = all_from(connection)
    assert time.monotonic() - began > SMALL["body_timeout_s"]
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in answer


def until(status: int, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Sends again, four seconds long, until the answer is the expected one: the server learns of sockets by and by."""
    deadline = time.monotonic() + 4
    while True:
        response = send()
        if response.status_code == status or time.monotonic() > deadline:
            return response
        time.sleep(0.05)


def test_too_many_bytes_at_once_are_refused_and_room_comes_back(small_api: ApiProcess, small: httpx.Client) -> None:
    large = b" " * 1_200_000

    def post_beside_a_stalled_upload() -> httpx.Response:
        with upload_that_stalls(small_api, len(large)):  # of two that arrive together either may be the one refused
            return small.post("/v1/jobs", content=large, headers=JSON)

    assert problem(until(503, post_beside_a_stalled_upload), 503, "overloaded")["retryable"]
    problem(until(400, lambda: small.post("/v1/jobs", content=large, headers=JSON)), 400, "invalid_json")
    assert submit_complete(small)["state"] == "queued"


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
    near.workers.leave(near.name)
    for response in (small.get("/readyz"), small.post("/v1/jobs", json={"task": "generate"})):
        assert problem(response, 503, "no_worker")["retryable"]
        assert int(response.headers["retry-after"]) > 0
    assert small.get("/healthz").json() == {"status": "ok"}
    near.appear(state=WorkerState.STARTING)
    problem(small.get("/readyz"), 503, "no_worker")
    near.appear()
    assert small.get("/readyz").json() == {"status": "ready", "workers": 1}


def test_worker_that_is_briefly_away_is_waited_for(http: httpx.Client, worker: StandIn) -> None:
    worker.workers.leave(worker.name)
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

        poll = threading.Thread(target=wait)
        poll.start()
        time.sleep(0.5)
        began = time.monotonic()
        log = api.stop()
        poll.join()
        assert time.monotonic() - began < 8
        assert [answer.json()["state"] for answer in answers] == ["queued"]
        assert f'"job_id": "{job["id"]}"' in log
        assert "Traceback" not in log
        stand_in.close()


def test_other_requests_are_answered_while_a_large_picture_is_decoded(http: httpx.Client) -> None:
    noise = Image.frombytes("RGB", (1500, 1000), io.BytesIO(bytes(range(251)) * 20_000).read(1500 * 1000 * 3))
    large = encoded(noise, compress_level=1)
    answered = threading.Event()
    responses: list[httpx.Response] = []

    def post() -> None:
        files = {"image": large, "mask": encoded(Image.linear_gradient("L").resize((1500, 1000)), compress_level=1)}
        responses.append(http.post("/v1/jobs", data={"task": "inpaint"}, files=files))
        answered.set()

    sender = threading.Thread(target=post)
    sender.start()
    meanwhile = 0
    while not answered.is_set():
        assert http.get("/healthz").status_code == 200
        meanwhile += 1
        time.sleep(0.002)
    sender.join()
    assert responses[0].status_code == 202
    assert meanwhile >= 3
