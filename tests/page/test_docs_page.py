"""`/docs`: the API to try out, without a file from any other host."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.browser import Visit
from tests.page.conftest import VisitTo
from tests.redis_process import RedisProcess

FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")


@pytest.fixture
def http(site: ApiProcess) -> httpx.Client:
    return site.client


def test_page_names_its_own_files_and_no_other_host(http: httpx.Client) -> None:
    page = http.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert set(addresses) == {"data:,", *(f"docs/files/{name}" for name in FILES)}
    assert "//" not in page.replace("<!doctype", "")
    assert "<script>" not in page
    assert "//" not in http.get("/docs/files/start.js").text.replace("// it would", "")


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/files/{name}" for name in FILES)])
def test_policy_allows_nothing_inline_and_no_other_host(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    known = http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "oauth2-redirect.html", "__init__.py", "..%2Fmain.py"])
def test_nothing_else_is_served_beside_it(http: httpx.Client, name: str) -> None:
    assert http.get(f"/docs/files/{name}").status_code == 404


def test_an_operation_can_be_tried_out_in_the_browser(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.base_url}/docs")
    page.locator("#operations-service-get_limits_v1_limits_get .opblock-summary-control").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")


def test_page_works_behind_a_prefix(visit_to: VisitTo, page_redis: RedisProcess, worker: StandIn) -> None:
    with ApiProcess(root_path="/inlay", redis_url=page_redis.url) as api:
        (server,) = api.client.get("/openapi.json").json()["servers"]
        assert server["url"] == "/inlay"
        visit = visit_to(str(api.client.base_url))
        visit.page.goto(f"{visit.base_url}/docs")  # a proxy would have taken the prefix off
        expect(visit.page.locator(".opblock").first).to_be_visible()
