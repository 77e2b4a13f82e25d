"""Pages of other origins: only those that the setting names, with the headers that clients need."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.redis_process import RedisProcess

FRIEND, STRANGER = "https://app.example.com", "https://elsewhere.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
}


@pytest.fixture(scope="module")
def shared(app_redis: RedisProcess) -> Iterator[httpx.Client]:
    """A service that a page of another origin may call."""
    with ApiProcess(redis_url=app_redis.url, cors_origins=f"http://localhost:3000 {FRIEND}") as process:
        yield process.client


def test_a_named_origin_may_ask_and_read_what_clients_need(shared: httpx.Client) -> None:
    asked = shared.options("/v1/jobs", headers={"Origin": FRIEND, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "idempotency-key" in asked.headers["Access-Control-Allow-Headers"].lower()
    answer = shared.get("/v1/jobs/nowhere", headers={"Origin": FRIEND})
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "Origin" in answer.headers["Vary"]
    assert {"retry-after", "location", "etag"} <= {
        name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")
    }
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_refused_bodies_can_be_read_too(shared: httpx.Client) -> None:
    """A page should learn why its upload was refused, even by what guards the body before any route."""
    refused = shared.post("/v1/jobs", content=b"{}", headers={"Origin": FRIEND, "Content-Type": "text/plain"})
    assert refused.status_code in (400, 415, 422)
    assert refused.headers["Access-Control-Allow-Origin"] == FRIEND


def test_another_origin_is_not_let_in(shared: httpx.Client) -> None:
    asked = shared.options("/v1/jobs", headers={"Origin": STRANGER, **PREFLIGHT})
    assert asked.status_code == 400
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
