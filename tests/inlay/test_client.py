"""What the clients send, and what they make of an answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from inlay import (
    AsyncClient,
    Client,
    JobCanceled,
    JobFailed,
    ServiceFailed,
    WaitTimeout,
)
from inlay.connecting import on_this_machine
from tests.inlay.calling import REFUSED_CONNECTION, Caller, multipart
from tests.inlay.fake_service import ScriptedService, job_json


def test_generate_sends_json_without_what_was_left_out(call: Caller) -> None:
    service = ScriptedService((202, job_json(task="generate")))
    job = call(service, "generate", prompt="a vase", steps=5)
    assert job.task == "generate"
    request = service.requests[0]
    assert (request.method, request.url.path) == ("POST", "/v1/jobs")
    assert json.loads(request.content) == {"task": "generate", "prompt": "a vase", "steps": 5}


def test_complete_sends_the_picture_and_typed_parameters(call: Caller, tmp_path: Path) -> None:
    picture = tmp_path / "half.png"
    picture.write_bytes(b"PNG bytes")
    service = ScriptedService((202, job_json()))
    call(service, "complete", picture, keep="left", fraction=0.25, seed=3)
    parts = multipart(service.requests[0])
    assert json.loads(parts["params"]) == {"task": "complete", "keep": "left", "fraction": 0.25, "seed": 3}
    assert parts["image"] == b"PNG bytes"


def test_inpaint_sends_the_mask_only_if_there_is_one(call: Caller) -> None:
    service = ScriptedService((202, job_json()), (202, job_json()))
    call(service, "inpaint", b"image", b"mask")
    call(service, "inpaint", b"image")
    assert set(multipart(service.requests[0])) == {"params", "image", "mask"}
    assert set(multipart(service.requests[1])) == {"params", "image"}


def test_a_job_is_read_and_fields_of_a_newer_service_are_kept(call: Caller) -> None:
    body = job_json("running", progress={"step": 3, "steps": 20, "eta_s": 1.5, "stage": "new"}, novelty=1)
    job = call(ScriptedService((200, body)), "get", "job1")
    assert (job.progress.step, job.progress.steps, job.progress.eta_s) == (3, 20, 1.5)
    assert job.raw["novelty"] == 1
    assert not job.final


def test_wait_asks_the_service_to_hold_the_answer_until_the_job_succeeded(call: Caller) -> None:
    service = ScriptedService((200, job_json(), {"Retry-After": "0"}), (200, job_json("succeeded")))
    assert call(service, "wait", "job1", timeout_s=5).state == "succeeded"
    assert service.requests[0].headers["Prefer"] == "wait=5"


def test_wait_raises_what_became_of_the_job(call: Caller) -> None:
    failed = job_json("failed", error={"code": "diverged", "detail": "no picture"})
    with pytest.raises(JobFailed, match="no picture") as caught:
        call(ScriptedService((200, failed)), "wait", "job1")
    assert caught.value.job.error is not None
    assert caught.value.job.error.code == "diverged"
    with pytest.raises(JobCanceled):
        call(ScriptedService((200, job_json("canceled"))), "wait", "job1")


def test_wait_gives_up_in_time_and_tells_the_last_state(call: Caller) -> None:
    service = ScriptedService(*[(200, job_json("running"))] * 5)
    with pytest.raises(WaitTimeout) as caught:
        call(service, "wait", "job1", timeout_s=0.15)
    assert caught.value.job.state == "running"


def test_poll_yields_each_change_once_until_the_end(call: Caller) -> None:
    half_way = job_json("running", progress={"step": 10, "steps": 20, "eta_s": 1.0})
    answers = [(200, body) for body in (job_json(), job_json(), half_way, half_way, job_json("succeeded"))]
    jobs = call(ScriptedService(*answers), "poll", "job1", interval_s=0.01)
    assert [job.state for job in jobs] == ["queued", "running", "succeeded"]


def test_result_cancel_delete_models_and_limits_use_their_routes(call: Caller) -> None:
    routes: list[tuple[tuple[Any, ...], Any, tuple[str, str], Any]] = [
        (("result", "job1", 2), httpx.Response(200, content=b"PNG"), ("GET", "/v1/jobs/job1/result/2"), b"PNG"),
        (("delete", "job1"), httpx.Response(204), ("DELETE", "/v1/jobs/job1"), None),
        (("models",), (200, {"models": []}), ("GET", "/v1/models"), {"models": []}),
        (("limits",), (200, {"max_pixels": 1}), ("GET", "/v1/limits"), {"max_pixels": 1}),
    ]
    for (method, *args), answer, (verb, path), expected in routes:
        service = ScriptedService(answer)
        assert call(service, method, *args) == expected
        assert (service.requests[0].method, service.requests[0].url.path) == (verb, path)
    service = ScriptedService((202, job_json("running")))
    assert call(service, "cancel", "job1").state == "running"
    assert service.requests[0].url.path == "/v1/jobs/job1/cancel"


def test_deliveries_tell_of_every_attempt(call: Caller) -> None:
    attempt = {"attempt": 1, "at": "2026-01-01T00:00:00Z", "status": 500, "duration_s": 1.0, "error": "status"} | {
        "new": 1
    }
    body = {"webhook_url": "https://x.example", "event": "job.failed", "state": "pending", "next_attempt_at": None}
    service = ScriptedService((200, {**body, "attempts": [attempt]}))
    told = call(service, "deliveries", "job1")
    assert (told.event, told.state) == ("job.failed", "pending")
    assert [(one.status, one.error) for one in told.attempts] == [(500, "status")]
    assert service.requests[0].url.path == "/v1/jobs/job1/deliveries"
    with pytest.raises(ServiceFailed, match="webhook"):
        call(ScriptedService((200, {})), "deliveries", "job1")


def test_webhook_urls_are_passed_on(call: Caller) -> None:
    service = ScriptedService((202, job_json()))
    call(service, "generate", webhook_url="https://x.example")
    assert json.loads(service.requests[0].content) == {"task": "generate", "webhook_url": "https://x.example"}


def test_ready_is_a_plain_answer_also_when_nothing_listens(call: Caller) -> None:
    assert call(ScriptedService((200, {})), "ready") is True
    assert call(ScriptedService((503, {})), "ready") is False
    assert call(ScriptedService(REFUSED_CONNECTION), "ready") is False


def test_a_submission_has_the_key_that_the_caller_gives(call: Caller) -> None:
    service = ScriptedService((202, job_json()), (202, job_json()))
    call(service, "generate", prompt="a vase", idempotency_key="order-17")
    call(service, "complete", b"PNG", keep="left", idempotency_key="order-18")
    assert [request.headers["Idempotency-Key"] for request in service.requests] == ["order-17", "order-18"]
    assert json.loads(service.requests[0].content) == {"task": "generate", "prompt": "a vase"}


def test_jobs_are_listed_page_by_page(call: Caller) -> None:
    pages = [{"jobs": [job_json(id="c"), job_json(id="b")], "next_cursor": "x&y"}, {"jobs": [], "next_cursor": "z"}]
    last = {"jobs": [job_json(id="a")], "next_cursor": None}
    service = ScriptedService(*[(200, page) for page in (*pages, last)])
    assert [job.id for job in call(service, "jobs", state="queued", page_size=2)] == ["c", "b", "a"]
    queries = [dict(request.url.params) for request in service.requests]
    assert queries == [{"limit": "2", "state": "queued"} | more for more in ({}, {"cursor": "x&y"}, {"cursor": "z"})]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_api_key_comes_from_the_caller_or_the_environment(
    kind: type[Client | AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(**options: Any) -> str | None:
        service = ScriptedService((200, {}), (200, {}))
        client = kind("http://service", transport=service, **options)
        if isinstance(client, Client):
            client.ready()
        else:
            asyncio.run(client.ready())
        value: str | None = service.requests[0].headers.get("Authorization")
        return value

    monkeypatch.delenv("INLAY_API_KEY", raising=False)
    assert sent() is None
    monkeypatch.setenv("INLAY_API_KEY", "inlay_environment")
    assert sent() == "Bearer inlay_environment"
    assert sent(api_key="inlay_given") == "Bearer inlay_given"


def test_proxies_of_the_environment_are_not_used_for_this_machine() -> None:
    assert on_this_machine("http://127.0.0.1:8000")
    assert on_this_machine("http://[::1]:8000")
    assert not on_this_machine("https://inlay.example.com")
