"""`GET /v1/jobs`: a caller's jobs, newest first, in pages."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from jobs import keys
from tests.app.answers import problem
from tests.app.stand_in import StandIn


def submit(http: httpx.Client, **fields: object) -> str:
    job_id: str = http.post("/v1/jobs", json={"task": "generate", **fields}).json()["id"]
    return job_id


def page(http: httpx.Client, **query: object) -> dict[str, Any]:
    response = http.get("/v1/jobs", params={name: str(value) for name, value in query.items()})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [job["id"] for job in body["jobs"]]


def test_nobody_has_jobs_yet(http: httpx.Client) -> None:
    assert page(http) == {"jobs": [], "next_cursor": None}


def test_pages_are_stable_while_jobs_arrive_and_expire(http: httpx.Client, worker: StandIn) -> None:
    made = [submit(http) for _ in range(7)]
    seen: list[str] = []
    body = page(http, limit=3)
    while True:
        seen += ids(body)
        if body["next_cursor"] is None:
            break
        submit(http)
        worker.redis.delete(keys.job(made[0]))
        body = page(http, limit=3, cursor=body["next_cursor"])
    assert seen == made[:0:-1]
    assert len(page(http, limit=100)["jobs"]) == 6 + 1


def test_a_listed_job_is_the_job(http: httpx.Client, worker: StandIn) -> None:
    job_id = submit(http, metadata={"order": "17"})
    worker.finish(worker.start(job_id))
    (job,) = page(http)["jobs"]
    assert job == http.get(f"/v1/jobs/{job_id}").json()


def test_states_can_be_picked(http: httpx.Client, worker: StandIn) -> None:
    queued, running, succeeded, failed, canceled = (submit(http) for _ in range(5))
    worker.start(running)
    worker.finish(worker.start(succeeded))
    worker.fail(worker.start(failed))
    http.post(f"/v1/jobs/{canceled}/cancel")
    expected = {
        "queued": queued,
        "running": running,
        "succeeded": succeeded,
        "failed": failed,
        "canceled": canceled,
    }
    for state, job_id in expected.items():
        assert ids(page(http, state=state)) == [job_id]
    assert ids(page(http)) == [canceled, failed, succeeded, running, queued]


def test_a_deleted_job_is_off_the_list(http: httpx.Client) -> None:
    kept, deleted = submit(http), submit(http)
    assert http.delete(f"/v1/jobs/{deleted}").status_code == 204
    assert ids(page(http)) == [kept]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"state": "done"}, "/state"),
        ({"cursor": "nonsense"}, "/cursor"),
        ({"cursor": "ä"}, "/cursor"),
        ({"cursor": ""}, "/cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"-inf").decode()}, "/cursor"),
        ({"cursor": "x" * 65}, "/cursor"),
    ],
)
def test_senseless_queries_are_refused(http: httpx.Client, query: dict[str, Any], pointer: str) -> None:
    problem(http.get("/v1/jobs", params=query), 422, "invalid_field", pointer)


@pytest.mark.parametrize("name", ["stat", "State", "offset", "page"])
def test_a_misspelt_parameter_is_refused_by_name_and_does_not_list_everything(http: httpx.Client, name: str) -> None:
    problem(http.get("/v1/jobs", params={name: "queued", "limit": "2"}), 422, "unknown_field", f"/{name}")


def test_an_old_cursor_of_jobs_that_are_gone_ends_the_list(http: httpx.Client, worker: StandIn) -> None:
    submit(http)
    submit(http)
    cursor = page(http, limit=1)["next_cursor"]
    worker.redis.flushall()
    assert page(http, limit=1, cursor=cursor) == {"jobs": [], "next_cursor": None}
