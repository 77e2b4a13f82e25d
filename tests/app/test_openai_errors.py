"""Below `/v1/images` every refusal has OpenAI's shape, whoever raises it: its clients know no other."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from app.problem_types import CATALOGUE
from jobs import keys
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

JSON = {"Content-Type": "application/json"}


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-should-retry"] == ("true" if CATALOGUE[code].retryable else "false")
    (name, error), *rest = answer.json().items()
    assert (name, rest, set(error)) == ("error", [], {"message", "type", "param", "code"})
    assert error["code"] == code
    told: dict[str, object] = error
    return told


@pytest.mark.parametrize("path", ["/v1/images", "/v1/images/", "/v1/images/variations", "/v1/images/edits/1"])
def test_unknown_address(http: httpx.Client, path: str) -> None:
    assert refused(http.post(path, json={}), 404, "route_not_found")["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/image", "/v1/imagesque", "/images/edits", "/v1"])
def test_addresses_beside_it_keep_our_shape(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/edits"])
def test_other_method_wrong_body_and_too_large_a_one(http: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = http.request(method, path)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"
    assert http.head(path).status_code == 405
    refused(http.post(path, content=b"x", headers={"Content-Type": "text/plain"}), 400, "unsupported_media_type")
    refused(http.post(path, content=b"{", headers=JSON), 400, "invalid_json")
    refused(http.post(path, json={"prompt": "a"}, headers={"Idempotency-Key": "a b"}), 400, "invalid_field")


@pytest.fixture
def tight(worker: StandIn, app_redis: RedisProcess) -> Iterator[httpx.Client]:
    with ApiProcess(redis_url=app_redis.url, root_path="/inlay", max_upload_bytes=1024, max_queue_depth=1) as api:
        yield api.client


def test_too_large_too_much_and_broken_behind_a_prefix(tight: httpx.Client, worker: StandIn) -> None:
    path = "/v1/images/generations"
    refused(tight.get("/v1/images/nowhere"), 404, "route_not_found")
    refused(tight.post(path, content=bytes(2**21), headers=JSON), 413, "body_too_large")
    picture = {"image": ("a.png", bytes(5000))}
    refused(tight.post("/v1/images/edits", data={"prompt": "a"}, files=picture), 413, "file_too_large")
    assert tight.post("/v1/jobs", json={"task": "generate"}).status_code == 202
    full = tight.post(path, json={"prompt": "a vase"})
    assert refused(full, 429, "queue_full")["type"] == "rate_limit_error"
    assert int(full.headers["retry-after"]) > 0


def test_fault_of_the_service_tells_the_client_nothing_and_the_log_no_content(
    http: httpx.Client, api: ApiProcess, worker: StandIn
) -> None:
    worker.redis.set(keys.worker(worker.name), '{"state": "bewitched"}')
    answer = http.post("/v1/images/generations", json={"prompt": "a private vase"})
    refused(answer, 500, "internal_error")
    assert "bewitched" not in answer.text
    log = os.pread(api.log.fileno(), 2**24, 0)
    assert answer.headers["x-request-id"].encode() in log
    assert b"Traceback (most recent call last)" in log
    assert b"a private vase" not in log
