"""Another caller's job cannot be told from one that never was: on no route, in no state, by no header, by no work done.

The routes are those of the application, so a new one is tried without being named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from app.main import OPEN, PROTECTED, create_app
from jobs.settings import Settings
from tests.app.keyed import KeyedService

APP = create_app(Settings())
ROUTES = sorted({(method, path) for path in APP.openapi()["paths"] for method in APP.openapi()["paths"][path]})
OF_JOBS = [(method.upper(), path) for method, path in ROUTES if "{job_id}" in path]
HEADERS: list[dict[str, str]] = [
    {},
    {"If-None-Match": "*"},
    {"If-None-Match": '"{job_id}-0"'},
    {"Prefer": "wait=2"},
    {"Last-Event-ID": "1-0"},
    {"Accept": "text/event-stream", "Range": "bytes=0-1"},
]
UNRELATED = ("ping", "hello", "select", "client", "client|setinfo", "zcard", "info", "config|resetstat")
"""What a connection, the courier of webhooks and this test itself ask Redis for."""
NEVER_WAS = "0" * 32


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    with KeyedService(tmp_path_factory.mktemp("keys") / "keys", ("alice", "bob")) as running:
        yield running


@pytest.fixture(scope="module")
def alice(service: KeyedService) -> httpx.Client:
    return service.of("alice")


@pytest.fixture(scope="module")
def bob(service: KeyedService) -> httpx.Client:
    return service.of("bob")


def submit(client: httpx.Client, **more: Any) -> httpx.Response:
    response = client.post("/v1/jobs", json={"task": "generate"}, **more)
    assert response.status_code == 202, response.text
    return response


@pytest.fixture(params=["queued", "running", "succeeded", "failed", "canceled"])
def foreign(service: KeyedService, alice: httpx.Client, request: pytest.FixtureRequest) -> str:
    """The id of a job of alice's in each state."""
    job_id: str = submit(alice).json()["id"]
    if request.param == "canceled":
        alice.post(f"/v1/jobs/{job_id}/cancel")
    elif request.param != "queued":
        record = service.worker.start(job_id)
        if request.param == "succeeded":
            service.worker.finish(record)
        elif request.param == "failed":
            service.worker.fail(record)
    assert alice.get(f"/v1/jobs/{job_id}").json()["state"] == request.param
    return job_id


def seen(
    service: KeyedService, client: httpx.Client, method: str, path: str, job_id: str, headers: dict[str, str]
) -> Any:
    """All that a caller can see of an answer, and what it has made the service ask of Redis."""
    address = path.replace("{job_id}", job_id).replace("{index}", "0")
    service.worker.redis.config_resetstat()
    sent = {name: value.replace("{job_id}", job_id) for name, value in headers.items()}
    answer = client.request(method, address, headers=sent, params={"direct": "true", "previews": "true"})
    asked = service.worker.redis.info("commandstats")
    work = {name: stats["calls"] for name, stats in asked.items() if name.removeprefix("cmdstat_") not in UNRELATED}
    told = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    return answer.status_code, told, answer.json() | {"request_id": ""}, work


def test_all_routes_of_jobs_are_tried() -> None:
    routes = [one for room in (*PROTECTED, *OPEN) for one in room.router.routes if isinstance(one, APIRoute)]
    added = {(method, one.path) for one in routes for method in one.methods or () if "{job_id}" in one.path}
    assert set(OF_JOBS) == added, "one that is not described is tried, too"
    named = {name for _, path in ROUTES for name in re.findall(r"\{(\w+)\}", path) if path.startswith("/v1/")}
    assert named == {"job_id", "index"}, "a new name in a path: does it lead to what belongs to a caller?"
    assert len(OF_JOBS) >= 7


def test_foreign_job_is_one_that_never_was(
    service: KeyedService, alice: httpx.Client, bob: httpx.Client, foreign: str
) -> None:
    before = alice.get(f"/v1/jobs/{foreign}").json()
    for method, path in OF_JOBS:
        for headers in HEADERS:
            answers = [seen(service, bob, method, path, one, headers) for one in (foreign, NEVER_WAS)]
            assert answers[0] == answers[1], (method, path, headers)
            assert (answers[0][0], answers[0][2]["code"]) == (404, "job_not_found")
            assert answers[0][3], "the store was asked"
    after = alice.get(f"/v1/jobs/{foreign}").json()
    for job in (before, after):
        del job["progress"], job["queue_position"]  # those move with the queue
    assert after == before, "and nothing was done to it"


def test_foreign_jobs_are_not_listed_by_any_cursor_or_state(
    alice: httpx.Client, bob: httpx.Client, foreign: str
) -> None:
    own = submit(bob).json()["id"]
    submit(alice)
    cursor = alice.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    for query in (
        {},
        {"cursor": cursor},
        *({"state": state} for state in ("queued", "running", "succeeded", "failed")),
    ):
        answer = bob.get("/v1/jobs", params={"limit": 100, **query})
        assert answer.status_code == 200
        assert foreign not in answer.text
    assert own in bob.get("/v1/jobs", params={"limit": 100}).text


def test_foreign_idempotency_key_means_nothing(service: KeyedService, alice: httpx.Client, bob: httpx.Client) -> None:
    key = {"Idempotency-Key": "shared-by-chance"}
    theirs, ours = submit(alice, headers=key), submit(bob, headers=key)
    assert theirs.json()["id"] != ours.json()["id"]
    assert "idempotent-replayed" not in ours.headers
    other = bob.post("/v1/jobs", json={"task": "generate", "steps": 3}, headers={"Idempotency-Key": "of-bob"})
    assert other.status_code == 202
    first = alice.post("/v1/jobs", json={"task": "generate", "steps": 4}, headers={"Idempotency-Key": "of-bob"})
    assert (first.status_code, first.headers.get("idempotent-replayed")) == (202, None)
