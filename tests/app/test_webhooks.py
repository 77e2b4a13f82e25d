"""Webhooks from a job's end to their receiver: two API processes and a real receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from typer.testing import CliRunner

from inlay.cli import app as inlay
from tests.app.answers import problem
from tests.app.hooked import SECRET, SWIFT, TIMEOUT_S, Service, deliveries, settled, submit, verified
from tests.app.keyed import KeyedService
from tests.app.receiver import Received, Receiver, Reply
from tests.app.service import ApiProcess


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.fixture(scope="module")
def apis(service: Service) -> list[ApiProcess]:
    return [service.start(), service.start()]


@pytest.fixture
def http(apis: list[ApiProcess]) -> httpx.Client:
    return apis[0].client


def test_the_end_is_told_once_signed_and_logged(http: httpx.Client, service: Service) -> None:
    with Receiver() as receiver:
        job_id = submit(http, receiver.url, metadata={"order": "ä☂"})
        nothing = dict.fromkeys(("event", "state", "next_attempt_at"))
        assert deliveries(http, job_id) == {"webhook_url": receiver.url, "attempts": []} | nothing
        service.worker.finish(service.worker.start(job_id))
        (request,) = receiver.wait_for(1)
        log = settled(http, job_id)
        time.sleep(0.6)
        assert len(receiver.received) == 1
    job = http.get(f"/v1/jobs/{job_id}").json()
    told = verified(request)
    assert told == {"type": "job.succeeded", "timestamp": told["timestamp"], "data": job}
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == f"msg_{job_id}"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert (log["state"], log["event"], log["next_attempt_at"]) == ("delivered", "job.succeeded", None)
    (attempt,) = log["attempts"]
    assert (attempt["attempt"], attempt["status"], attempt["error"]) == (1, 204, None)
    assert 0 <= attempt["duration_s"] < 5
    with pytest.raises(WebhookVerificationError):
        verified(Received("POST", "/", request.headers, request.body + b" "))


def test_every_end_is_told_by_its_name(http: httpx.Client, service: Service) -> None:
    with Receiver() as receiver:
        failed, waiting, running, deleted = (submit(http, receiver.url) for _ in range(4))
        service.worker.fail(service.worker.start(failed))
        http.post(f"/v1/jobs/{waiting}/cancel")
        service.worker.start(running)
        assert http.delete(f"/v1/jobs/{running}").status_code == 204
        assert http.delete(f"/v1/jobs/{deleted}").status_code == 204
        told = {one["data"]["id"]: one for one in map(verified, receiver.wait_for(4))}
    canceled = dict.fromkeys((waiting, running, deleted), "job.canceled")
    assert {job: one["type"] for job, one in told.items()} == canceled | {failed: "job.failed"}
    assert told[failed]["data"]["error"]["code"] == "diverged"
    assert {one["data"]["state"] for one in told.values()} == {"failed", "canceled"}
    problem(http.get(f"/v1/jobs/{deleted}/deliveries"), 404, "job_not_found")


def test_a_failing_receiver_is_asked_again_under_the_same_id(http: httpx.Client, service: Service) -> None:
    with Receiver() as other:
        astray = Reply(307, (("Location", other.url),))
        with Receiver(Reply(500, body=b"a secret of the receiver"), astray, Reply(200)) as receiver:
            job_id = submit(http, receiver.url)
            service.worker.finish(service.worker.start(job_id))
            requests = receiver.wait_for(3)
            log = settled(http, job_id)
        assert other.received == []
    for request in requests:
        assert verified(request)["type"] == "job.succeeded"
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert log["state"] == "delivered"
    assert [(one["attempt"], one["status"], one["error"]) for one in log["attempts"]] == [
        (1, 500, "status"),
        (2, 307, "redirect"),
        (3, 200, None),
    ]
    assert "secret of the receiver" not in json.dumps(log)
    assert requests[2].began - requests[1].began > 0.25, "0.2 s, doubled, a quarter less"


def test_gone_gives_up_at_once(http: httpx.Client, service: Service) -> None:
    with Receiver(Reply(410)) as receiver:
        job_id = submit(http, receiver.url)
        service.worker.finish(service.worker.start(job_id))
        log = settled(http, job_id)
        time.sleep(0.6)
        assert len(receiver.received) == 1
    assert (log["state"], [one["error"] for one in log["attempts"]]) == ("given_up", ["gone"])


def test_a_slow_receiver_does_not_hold_the_others(http: httpx.Client, service: Service) -> None:
    with Receiver(usual=Reply(after_s=3.0)) as slow, Receiver() as quick:
        slow_jobs = [submit(http, slow.url) for _ in range(30)]
        for job_id in slow_jobs:
            service.worker.finish(service.worker.start(job_id))
        slow.wait_until(lambda: len(slow.received) >= 4)
        job_id = submit(http, quick.url)
        service.worker.finish(service.worker.start(job_id))
        began = time.monotonic()
        quick.wait_for(1)
        assert time.monotonic() - began < 10 * TIMEOUT_S, "of 30 slow ones, 4 at a time, each for as long as it may"
        for one in slow_jobs:
            http.delete(f"/v1/jobs/{one}")
            service.worker.store.delete(one, told=False)


def test_two_processes_never_deliver_one_webhook_at_the_same_time(http: httpx.Client, service: Service) -> None:
    with Receiver(*[Reply(500, after_s=0.3)] * 6, usual=Reply(after_s=0.3)) as receiver:
        jobs = [submit(http, receiver.url) for _ in range(12)]
        for job_id in jobs:
            service.worker.finish(service.worker.start(job_id))
        for job_id in jobs:
            assert settled(http, job_id)["state"] == "delivered"
        requests = receiver.wait_for(18)
    assert len(requests) == 18, "12 deliveries, and 6 again"
    by_id: dict[str, list[Received]] = {}
    for request in sorted(requests, key=lambda one: one.began):
        by_id.setdefault(request.headers["webhook-id"], []).append(request)
    assert len(by_id) == 12
    for attempts in by_id.values():
        for earlier, later in pairwise(attempts):
            assert earlier.ended <= later.began


@pytest.mark.parametrize("body", ["json", "form"])
@pytest.mark.parametrize("url", ["ftp://hooks.example/", "http://169.254.169.254/", "http://u@127.0.0.1/", "x" * 2049])
def test_a_url_that_may_not_be_called_is_refused_at_submission(http: httpx.Client, body: str, url: str) -> None:
    fields = {"task": "generate", "webhook_url": url}
    sent = {"json": fields} if body == "json" else {"data": fields, "files": {"params": (None, "{}")}}
    response = http.post("/v1/jobs", **sent)
    problem(response, 422, "invalid_field" if len(url) > 2048 else "url_refused", "/webhook_url")


def test_without_a_secret_webhooks_are_refused(service: Service) -> None:
    api = service.start(webhook_secret="", allow_private_addresses=False)
    response = api.client.post("/v1/jobs", json={"task": "generate", "webhook_url": "https://127.0.0.1/"})
    problem(response, 422, "webhook_unsigned", "/webhook_url")
    api.stop()


def test_deliveries_of_a_job_without_a_webhook_are_none(http: httpx.Client) -> None:
    job_id = http.post("/v1/jobs", json={"task": "generate"}).json()["id"]
    assert deliveries(http, job_id)["webhook_url"] is None
    assert deliveries(http, job_id)["attempts"] == []


def test_callers_have_secrets_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"

    def secret_of(name: str) -> str:
        made = CliRunner().invoke(inlay, ["keys", "webhook", name, "--file", str(file)])
        assert made.exit_code == 0, made.output
        return made.stdout.strip()

    alice, newer, carol = secret_of("alice"), secret_of("alice"), secret_of("carol")
    with Receiver() as receiver, KeyedService(file, ("alice", "bob", "carol"), **SWIFT) as keyed:
        response = keyed.of("bob").post("/v1/jobs", json={"task": "generate", "webhook_url": receiver.url})
        problem(response, 422, "webhook_unsigned", "/webhook_url")
        jobs = {name: submit(keyed.of(name), receiver.url) for name in ("alice", "carol")}
        for name, job_id in jobs.items():
            keyed.worker.finish(keyed.worker.start(job_id))
            settled(keyed.of(name), job_id)
        problem(keyed.of("alice").get(f"/v1/jobs/{jobs['carol']}/deliveries"), 404, "job_not_found")
        first, second = receiver.wait_for(2)
        held = str(keyed.worker.redis.keys("*")) + "".join(api.stop() for api in keyed.apis)
    for secret in (alice, newer):
        verified(first, secret)
        assert secret.removeprefix("whsec_") not in held
    verified(second, carol)
    for request, wrong in ((first, carol), (first, SECRET), (second, alice)):
        with pytest.raises(WebhookVerificationError):
            verified(request, wrong)
