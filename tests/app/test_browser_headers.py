"""What browsers are told about answers: those of routes, of other middleware, and of the server itself."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx
import pytest

from tests.app.answers import submit_complete
from tests.app.raw_http import raw
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

NOTHING = "default-src 'none'; frame-ancestors 'none'"


def safe(headers: httpx.Headers, policy: str = NOTHING) -> None:
    assert headers["content-security-policy"] == policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_does_nothing_by_itself_and_is_never_framed(
    http: httpx.Client, worker: StandIn, api: ApiProcess
) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    result = http.get(job["links"]["result"])
    assert result.headers["content-type"] == "image/png"
    safe(result.headers)
    for path in (job["links"]["self"], "/v1/jobs", "/v1/limits", "/healthz", "/nowhere", "/metrics", "/openapi.json"):
        safe(http.get(path).headers)
    safe(http.get("/v1/jobs", headers={"Host": "evil.example"}).headers)
    head = raw(api, b"nonsense\r\n\r\n").partition(b"\r\n\r\n")[0].decode()
    safe(httpx.Headers(dict(line.split(": ", 1) for line in head.split("\r\n")[1:])))


def test_pictures_are_shown_elsewhere_only_where_other_origins_may_call(app_redis: RedisProcess) -> None:
    with ApiProcess(redis_url=app_redis.url, cors_origins="https://app.example.com") as shared:
        assert shared.client.get("/healthz").headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_page_of_problems_has_its_own_style_and_nothing_else(http: httpx.Client) -> None:
    page = http.get("/docs/problems")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert policy["style-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert "<script" not in page.text
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_keep_policies_of_their_own(http: httpx.Client, path: str) -> None:
    assert "script-src 'self'" in http.get(path).headers["content-security-policy"]
