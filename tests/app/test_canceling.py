"""Canceling, deleting, and what expires by itself."""

from __future__ import annotations

import httpx
import pytest

from jobs import keys
from tests.app.answers import problem, submit_complete
from tests.app.pictures import mask_png, picture_png
from tests.app.stand_in import StandIn


def test_cancel_takes_a_queued_job_off_at_once_and_repeating_it_is_harmless(
    http: httpx.Client, worker: StandIn
) -> None:
    job = submit_complete(http)
    for _ in range(2):
        response = http.post(job["links"]["cancel"])
        assert (response.status_code, response.json()["state"]) == (200, "canceled")
    assert worker.queue.waiting() == set()
    assert worker.redis.keys(f"inlay:blob:{job['id']}:*") == [], "its uploads are of no use any more"
    problem(http.get(job["links"]["result"]), 409, "job_canceled")


def test_cancel_asks_a_running_job_to_stop(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.start(job["id"])
    for _ in range(2):
        response = http.post(job["links"]["cancel"])
        assert (response.status_code, response.json()["state"]) == (202, "running")
        assert response.json()["cancel_requested"]
    assert worker.store.cancel_requested([job["id"]]) == {job["id"]}


def test_job_that_succeeded_cannot_be_canceled(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    problem(http.post(job["links"]["cancel"]), 409, "job_final")


@pytest.mark.parametrize("far", ["queued", "running", "succeeded"])
def test_delete_leaves_nothing_behind(http: httpx.Client, worker: StandIn, far: str) -> None:
    job = http.post("/v1/jobs", data={"task": "inpaint"}, files={"image": picture_png(), "mask": mask_png()}).json()
    if far != "queued":
        record = worker.start(job["id"])
        if far == "succeeded":
            worker.finish(record)
    assert http.delete(job["links"]["self"]).status_code == 204
    left = [key for key in worker.redis.keys("*") if job["id"].encode() in key]
    told = [] if far == "succeeded" else [keys.events(job["id"]).encode()]  # for a minute, to those who follow it
    assert left == told
    assert all(0 < worker.redis.ttl(key) <= 60 for key in left)
    assert worker.store.cancel_requested([job["id"]]) == {job["id"]}
    problem(http.get(job["links"]["self"]), 404, "job_not_found")
    problem(http.delete(job["links"]["self"]), 404, "job_not_found")


def test_expired_job_is_told_from_an_unknown_one(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.redis.delete(keys.job(job["id"]))  # what its time to live does in a day
    for method, path in [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")]:
        problem(http.request(method, job["links"]["self"] + path), 410, "job_expired")


def test_expired_result_returns_410(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    worker.blobs.delete([keys.blob(job["id"], "result-0")])
    problem(http.get(job["links"]["result"]), 410, "result_expired")
