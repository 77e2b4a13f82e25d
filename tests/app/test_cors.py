"""Pages of other origins: only those that the setting names, with the headers that clients need."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from jobs.settings import Settings
from tests.app.answers import problem
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

FRIEND, STRANGER = "https://app.example.com", "https://elsewhere.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
}


@pytest.fixture(scope="module")
def shared_api(app_redis: RedisProcess) -> Iterator[httpx.Client]:
    """A service that a page of another origin may call."""
    with ApiProcess(redis_url=app_redis.url, cors_origins=f"http://localhost:3000 {FRIEND}") as process:
        yield process.client


@pytest.fixture
def shared(shared_api: httpx.Client, worker: StandIn) -> httpx.Client:
    return shared_api


def test_a_named_origin_may_ask_and_read_what_clients_need(shared: httpx.Client) -> None:
    asked = shared.options("/v1/jobs", headers={"Origin": FRIEND, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["X-Request-ID"]
    assert asked.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "idempotency-key" in asked.headers["Access-Control-Allow-Headers"].lower()
    answer = shared.get("/v1/jobs/nowhere", headers={"Origin": FRIEND})
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "Origin" in answer.headers["Vary"]
    read = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"retry-after", "location", "etag", "allow", "www-authenticate"} <= read
    assert {"x-inlay-job", "x-should-retry", "x-request-id"} <= read
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_refused_bodies_can_be_read_too(shared: httpx.Client) -> None:
    """A page should learn why its upload was refused, even by what guards the body before any route."""
    too_large = bytes(shared.get("/v1/limits").json()["max_body_bytes"] + 1)
    refused = shared.post("/v1/jobs", content=too_large, headers={"Origin": FRIEND, "Content-Type": "application/json"})
    problem(refused, 413, "body_too_large")
    assert refused.headers["Access-Control-Allow-Origin"] == FRIEND


def test_headers_of_traces_and_of_openais_client_may_be_sent(shared: httpx.Client) -> None:
    names = "authorization, content-type, traceparent, tracestate, x-stainless-lang, X-Stainless-Retry-Count"
    asked = shared.options(
        "/v1/images/generations",
        headers={"Origin": FRIEND, **PREFLIGHT, "Access-Control-Request-Headers": names},
    )
    assert asked.status_code == 200
    allowed = {name.strip().lower() for name in asked.headers["Access-Control-Allow-Headers"].split(",")}
    assert {name.lower() for name in names.split(", ")} <= allowed
    alone = {"Origin": FRIEND, **PREFLIGHT, "Access-Control-Request-Headers": "x-stainless-os"}
    assert shared.options("/v1/images/edits", headers=alone).status_code == 200


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"Origin": STRANGER}, "origin"),
        ({"Access-Control-Request-Method": "PUT"}, "method"),
        ({"Access-Control-Request-Headers": "x-stainless-os, x-other"}, "headers"),
    ],
)
def test_refused_preflights_are_problems(shared: httpx.Client, change: dict[str, str], what: str) -> None:
    asked = shared.options("/v1/jobs", headers={"Origin": FRIEND, **PREFLIGHT, **change})
    assert what in problem(asked, 403, "origin_refused")["detail"]
    assert asked.headers["X-Content-Type-Options"] == "nosniff"
    assert "Origin" in asked.headers["Vary"]
    in_openais_shape = shared.options("/v1/images/edits", headers={"Origin": FRIEND, **PREFLIGHT, **change})
    assert in_openais_shape.json()["error"]["code"] == "origin_refused"


def test_only_named_origins_may_change_something(shared: httpx.Client) -> None:
    for origin, status in ((FRIEND, 202), (STRANGER, 403)):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        assert shared.post("/v1/jobs", json={"task": "generate"}, headers=headers).status_code == status


def test_another_origin_is_not_let_in(shared: httpx.Client) -> None:
    asked = shared.options("/v1/jobs", headers={"Origin": STRANGER, **PREFLIGHT})
    assert asked.status_code == 403
    assert "Access-Control-Allow-Origin" not in asked.headers
    assert "Access-Control-Allow-Origin" not in shared.get("/healthz", headers={"Origin": STRANGER}).headers


def test_no_origin_is_let_in_unless_told(http: httpx.Client) -> None:
    assert "Access-Control-Allow-Origin" not in http.get("/healthz", headers={"Origin": FRIEND}).headers
    assert http.options("/v1/jobs", headers={"Origin": FRIEND, **PREFLIGHT}).status_code == 405


@pytest.mark.parametrize(
    "wrong", ["app.example.com", "https://app.example.com/", "ftp://a.example", "https://me@a.example"]
)
def test_what_is_no_origin_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=wrong)
