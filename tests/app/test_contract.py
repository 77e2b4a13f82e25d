"""What holds for every route: unknown things, the framework's own errors, request ids, models and limits."""

from __future__ import annotations

import re

import httpx
import pytest

from jobs.spec import TASKS
from tests.app.answers import problem
from tests.app.stand_in import StandIn


@pytest.mark.parametrize("job_id", ["0" * 32, "short", "a" * 500, "%2e%2e%2fetc", "job%00id-0000", "ünïcödé-id"])
def test_unknown_job_returns_404(http: httpx.Client, job_id: str) -> None:
    for method, path in [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")]:
        response = http.request(method, f"/v1/jobs/{job_id}{path}")
        assert response.status_code == 404
        assert response.json()["code"] in {"job_not_found", "route_not_found"}


def test_result_index_must_be_a_number(http: httpx.Client) -> None:
    problem(http.get(f"/v1/jobs/{'0' * 32}/result/first"), 422, "invalid_field", "/index")


def test_framework_errors_are_problems(http: httpx.Client) -> None:
    problem(http.get("/nowhere"), 404, "route_not_found")
    problem(http.post("/v1/jobs/"), 404, "route_not_found")
    wrong_method = http.put("/v1/jobs")
    problem(wrong_method, 405, "method_not_allowed")
    assert wrong_method.headers["allow"] == "GET, POST"
    assert http.put(f"/v1/jobs/{'0' * 32}").headers["allow"] == "DELETE, GET"


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/metrics", "/v1/limits", "/v1/models", "/docs", "/docs/problems", "/openapi.json"],
)
def test_monitors_may_ask_with_head(http: httpx.Client, path: str) -> None:
    head, whole = http.head(path), http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert whole.content
    assert head.headers["content-type"] == whole.headers["content-type"]
    if path != "/metrics":  # it counts this very request
        assert head.headers["content-length"] == str(len(whole.content))
    if path != "/openapi.json":
        assert "HEAD" in http.put(path).headers["allow"]


def test_head_is_measured_by_its_route(http: httpx.Client) -> None:
    http.head("/v1/limits")
    told = http.get("/metrics").text
    assert re.search(r'^inlay_\w+\{[^}]*method="HEAD"[^}]*route="/v1/limits"', told, re.MULTILINE)


def test_head_elsewhere_is_refused(http: httpx.Client) -> None:
    assert http.head("/v1/jobs").status_code == 405


def test_request_id_is_kept_if_sane_and_replaced_otherwise(http: httpx.Client) -> None:
    assert http.get("/nowhere", headers={"X-Request-ID": "abc.1-2_3"}).json()["request_id"] == "abc.1-2_3"
    for wrong in ("x" * 65, "a b", "<script>"):
        assert http.get("/healthz", headers={"X-Request-ID": wrong}).headers["x-request-id"] != wrong


def test_models_and_limits_say_what_is_possible(http: httpx.Client, worker: StandIn) -> None:
    assert http.get("/v1/models").json() == {
        "models": [{"id": "scenes-128", "native_size_px": 128, "tasks": list(TASKS), "workers": 1}],
        "object": "list",
        "data": [{"id": "scenes-128", "object": "model", "created": 0, "owned_by": "inlay"}],
    }
    limits = http.get("/v1/limits").json()
    assert limits["max_upload_bytes"] == worker.settings.max_upload_bytes
    assert limits["max_body_bytes"] > 2 * limits["max_upload_bytes"]
    assert limits["min_side_px"] == 64


def test_problem_types_lead_to_their_explanation(http: httpx.Client) -> None:
    address, _, anchor = http.get("/nowhere").json()["type"].partition("#")
    page = http.get(address)
    assert page.headers["content-type"].startswith("text/html")
    assert f'id="{anchor}"' in page.text
