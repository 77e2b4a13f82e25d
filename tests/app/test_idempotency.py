"""`Idempotency-Key`: however often a submission is sent, it is one job."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from jobs import keys
from jobs.connect import text
from tests.app.answers import problem
from tests.app.pictures import base64_text, encoded, gradient, mask_png, picture_png
from tests.app.stand_in import StandIn

POSTS = 100
FIELDS = {"task": "inpaint", "steps": "9"}


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def send(http: httpx.Client, headers: dict[str, str], **changes: Any) -> httpx.Response:
    files = {"image": picture_png(), "mask": mask_png()} | changes.pop("files", {})
    return http.post("/v1/jobs", data=FIELDS | changes, files=files, headers=headers)


def test_hundred_posts_at_once_make_one_job(http: httpx.Client, worker: StandIn, key: dict[str, str]) -> None:
    together = Barrier(POSTS)
    address = str(http.base_url)

    def post(_: int) -> httpx.Response:
        with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
            assert client.get("/healthz").status_code == 200  # the connection is there before all begin
            together.wait(60)
            return send(client, key)

    with ThreadPoolExecutor(POSTS) as pool:
        answers = list(pool.map(post, range(POSTS)))
    assert {answer.status_code for answer in answers} == {202}
    (job_id,) = {answer.json()["id"] for answer in answers}
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count(None) == 1
    assert worker.queue.waiting() == {job_id}
    assert worker.store.active_ids() == [job_id]
    blobs = [text(blob) for blob in worker.redis.keys("inlay:blob:*")]
    assert {blob.split(":")[2] for blob in blobs} == {job_id}, "the others' are gone"


def test_a_replay_tells_the_job_as_it_is_now(http: httpx.Client, worker: StandIn, key: dict[str, str]) -> None:
    job = send(http, key).json()
    record = worker.start(job["id"])
    running = send(http, key)
    assert (running.status_code, running.json()["state"]) == (202, "running")
    assert running.headers["location"] == job["links"]["self"]
    worker.finish(record)
    ended = send(http, key)
    assert (ended.status_code, ended.json()["state"]) == (200, "succeeded")
    assert ended.headers["idempotent-replayed"] == "true"
    assert (ended.json()["id"], ended.json()["seed"]) == (job["id"], job["seed"]), "the drawn seed included"


def test_a_replay_of_an_expired_job_is_410_and_of_a_deleted_one_a_new_job(
    http: httpx.Client, worker: StandIn, key: dict[str, str]
) -> None:
    job = send(http, key).json()
    worker.redis.delete(keys.job(job["id"]))  # what its time to live does in a day
    problem(send(http, key), 410, "job_expired")
    other = {"Idempotency-Key": "another"}
    deleted = send(http, other).json()
    assert http.delete(deleted["links"]["self"]).status_code == 204
    again = send(http, other)
    assert again.json()["id"] != deleted["id"]
    assert "idempotent-replayed" not in again.headers


@pytest.mark.parametrize(
    "change",
    [
        {"steps": "10"},
        {"seed": "7"},
        {"metadata": '{"order": "17"}'},
        {"files": {"image": encoded(gradient(), compress_level=1)}},
        {"files": {"mask": picture_png()}},
        {"task": "complete", "files": {"mask": None}},
    ],
    ids=lambda change: ",".join(change),
)
def test_another_submission_under_the_key_is_refused(
    http: httpx.Client, worker: StandIn, key: dict[str, str], change: dict[str, Any]
) -> None:
    send(http, key)
    files = {"image": picture_png(), "mask": mask_png()} | change.get("files", {})
    fields = FIELDS | {name: value for name, value in change.items() if name != "files"}
    sent = {name: data for name, data in files.items() if data is not None}
    refused = http.post("/v1/jobs", data=fields, files=sent, headers=key)
    assert not problem(refused, 422, "idempotency_key_reused")["retryable"]
    assert len(worker.store.active_ids()) == 1


def test_the_same_meaning_in_another_body_is_the_same_submission(http: httpx.Client, key: dict[str, str]) -> None:
    job = send(http, key).json()
    body = {"task": "inpaint", "steps": 9, "n": 1, "output": {"format": "png"}}  # defaults spelled out
    body |= {"image": base64_text(picture_png()), "mask": "data:image/png;base64," + base64_text(mask_png())}
    assert http.post("/v1/jobs", json=body, headers=key).json()["id"] == job["id"]


def test_a_refused_submission_leaves_its_key_free(http: httpx.Client, worker: StandIn, key: dict[str, str]) -> None:
    problem(send(http, key, files={"image": b""}), 422, "file_empty", "/image")
    assert send(http, key).status_code == 202


def test_a_replay_needs_neither_room_nor_a_worker(http: httpx.Client, worker: StandIn, key: dict[str, str]) -> None:
    job = send(http, key).json()
    worker.vanish()
    worker.redis.set(keys.WORKER_SEEN, 0)
    problem(send(http, {}), 503, "no_worker")
    assert send(http, key).json()["id"] == job["id"]


def refusals(http: httpx.Client) -> float:
    found = re.search(
        r'^inlay_submits_total\{outcome="invalid_field",task="unknown"\} (\S+)$', http.get("/metrics").text, re.M
    )
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 256, "ä", "a\x7fb"])
def test_a_malformed_key_is_refused_and_counted(http: httpx.Client, worker: StandIn, wrong: str) -> None:
    before = refusals(http)
    malformed = {b"Idempotency-Key": wrong.encode()}
    response = http.post("/v1/jobs", json={"task": "generate"}, headers=malformed)
    problem(response, 422, "invalid_field", "/idempotency-key")
    for path in ("/v1/images/generations", "/v1/images/edits"):
        error = http.post(path, json={"prompt": "a vase"}, headers=malformed).json()["error"]
        assert (error["code"], error["param"]) == ("invalid_field", "idempotency-key")
    assert refusals(http) - before == 3
    assert worker.queue.depth() == 0
