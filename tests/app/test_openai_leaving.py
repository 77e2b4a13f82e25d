"""Clients of the OpenAI-shaped routes that do not wait for their pictures."""

from __future__ import annotations

import base64
import time

import httpx
import pytest

from jobs.connect import text
from jobs.record import JobState
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.app.test_openai import at_work


def test_client_that_leaves_cancels_its_job(worker: StandIn, api: ApiProcess) -> None:
    with pytest.raises(httpx.ReadTimeout):
        api.client.post("/v1/images/generations", json={"prompt": "a vase"}, timeout=1.0)
    (job_id,) = [text(key).rpartition(":")[2] for key in worker.redis.keys("inlay:job:*")]
    deadline = time.monotonic() + 10
    while worker.store.state(job_id) != JobState.CANCELED or worker.queue.depth() > 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_client_that_leaves_with_a_key_finds_its_job_again(worker: StandIn, api: ApiProcess) -> None:
    key, asked = {"Idempotency-Key": "mine"}, {"prompt": "a vase"}
    with pytest.raises(httpx.ReadTimeout):
        api.client.post("/v1/images/generations", json=asked, headers=key, timeout=1.0)
    (job_id,) = worker.queue.waiting()
    time.sleep(1.5)  # the service has seen that nobody waits any more
    assert worker.store.state(job_id) == JobState.QUEUED
    with at_work(worker) as work:
        answer = api.client.post("/v1/images/generations", json=asked, headers=key)
    assert answer.status_code == 200
    assert answer.headers["x-inlay-job"] == job_id
    assert [base64.b64decode(one["b64_json"]) for one in answer.json()["data"]] == work.pictures
