"""Bodies that are too large, too slow or too many, and bytes that are no HTTP."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from app.main import create_app
from jobs import keys
from jobs.settings import Settings
from tests.app.answers import problem, submit_complete
from tests.app.pictures import encoded
from tests.app.raw_http import JSON, SMALL, all_from, raw, until, upload_that_stalls
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def pieces(count: int, size: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


def test_announced_body_over_the_limit_is_refused(small: httpx.Client) -> None:
    problem(small.post("/v1/jobs", content=bytes(3 * 2**20), headers=JSON), 413, "body_too_large")


def test_unannounced_body_is_counted_while_it_streams(small: httpx.Client) -> None:
    problem(small.post("/v1/jobs", content=pieces(60, 2**16), headers=JSON), 413, "body_too_large")


def test_every_route_that_reads_a_body_has_its_limit(small: httpx.Client) -> None:
    described = create_app(Settings()).openapi()["paths"]
    readers = [path for path, methods in described.items() if "requestBody" in methods.get("post", {})]
    assert len(readers) >= 3
    for path in readers:
        refused = small.post(path, content=bytes(3 * 2**20), headers=JSON)
        assert refused.status_code == 413, path
        assert "body_too_large" in refused.text


def test_client_that_waits_for_continue_need_not_send(small_api: ApiProcess, near: StandIn) -> None:
    head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n"
    answer = raw(small_api, head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
    assert b"connection: close" in answer.lower()


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


def test_body_that_stalls_times_out(small_api: ApiProcess, near: StandIn) -> None:
    began = time.monotonic()
    with upload_that_stalls(small_api, 100) as connection:
        answer = all_from(connection)
    assert time.monotonic() - began > SMALL["body_timeout_s"]
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in answer


def test_too_many_bytes_at_once_are_refused_and_room_comes_back(small_api: ApiProcess, small: httpx.Client) -> None:
    large = b" " * 1_200_000

    def post_beside_a_stalled_upload() -> httpx.Response:
        with upload_that_stalls(small_api, len(large)):  # of two that arrive together either may be the one refused
            return small.post("/v1/jobs", content=large, headers=JSON)

    assert problem(until(503, post_beside_a_stalled_upload), 503, "overloaded")["retryable"]
    problem(until(400, lambda: small.post("/v1/jobs", content=large, headers=JSON)), 400, "invalid_json")
    assert submit_complete(small)["state"] == "queued"


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


def test_more_submissions_at_once_than_allowed_are_refused_at_once_and_room_comes_back(
    small_redis: RedisProcess, near: StandIn
) -> None:
    noise = Image.frombytes("RGB", (1500, 1500), random.Random(0).randbytes(3 * 1500**2))
    photo = {"image": ("photo.png", encoded(noise), "image/png")}

    def send(client: httpx.Client) -> httpx.Response:
        return client.post("/v1/jobs", files=photo, data={"task": "complete", "keep": "left"})

    with ApiProcess(redis_url=small_redis.url, max_inflight_submissions=1) as api:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: send(api.client), range(16)))
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code != 202]
        assert accepted
        assert refused
        for answer in refused:
            assert problem(answer, 503, "overloaded")["retryable"]
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert sorted(near.store.active_ids()) == sorted(accepted)
        assert send(api.client).status_code == 202
