from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from inlay import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    Gone,
    InvalidRequest,
    JobCanceled,
    JobFailed,
    NotFound,
    ProblemError,
    Refused,
    RetryPolicy,
    ServiceFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WaitTimeout,
)
from inlay.connecting import on_this_machine
from tests.inlay.fake_service import ScriptedService, job_json, problem_json

SWIFT = RetryPolicy(attempts=3, first_delay_s=0.001, longest_delay_s=0.05)
REFUSED_CONNECTION = httpx.ConnectError("refused")
BROKEN_ANSWER = httpx.ReadError("reset")
ITERATORS = {"follow", "jobs", "poll"}


class Caller:
    """Calls a client's method by name, blocking or with asyncio, so that both are held to the same tests."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def __call__(self, service: ScriptedService, method: str, *args: Any, **options: Any) -> Any:
        if not self.asynchronous:
            with Client("http://service", retries=SWIFT, transport=service) as client:
                answer = getattr(client, method)(*args, **options)
                return list(answer) if method in ITERATORS else answer
        return asyncio.run(self._awaited(service, method, *args, **options))

    async def _awaited(self, service: ScriptedService, method: str, *args: Any, **options: Any) -> Any:
        async with AsyncClient("http://service", retries=SWIFT, transport=service) as client:
            answer = getattr(client, method)(*args, **options)
            return [job async for job in answer] if method in ITERATORS else await answer


@pytest.fixture(params=[False, True], ids=["blocking", "asyncio"])
def call(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param)


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


def multipart(request: httpx.Request) -> dict[str, bytes]:
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = {}
    for part in request.content.split(b"--" + boundary)[1:-1]:
        head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
        parts[head.partition(b'name="')[2].partition(b'"')[0].decode()] = body
    return parts


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


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (413, InvalidRequest),
        (415, InvalidRequest),
        (418, Refused),
        (422, InvalidRequest),
        (500, ServiceFailed),
    ],
)
def test_problems_become_exceptions_of_their_kind(call: Caller, status: int, kind: type[ProblemError]) -> None:
    body = problem_json(status, "some_code", pointer="/steps", request_id="r1")
    with pytest.raises(kind, match=r"some_code happened \(at /steps\)") as caught:
        call(ScriptedService((status, body)), "get", "job1")
    assert type(caught.value) is kind
    assert caught.value.problem.code == "some_code"
    assert caught.value.problem.request_id == "r1"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"text"'])
def test_an_error_without_a_problem_body_is_still_a_problem(call: Caller, body: bytes) -> None:
    with pytest.raises(ServiceFailed, match="500 unknown"):
        call(ScriptedService(httpx.Response(500, content=body)), "get", "job1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"id": "job1"}'])
def test_an_answer_that_is_no_job_is_an_error(call: Caller, body: bytes) -> None:
    with pytest.raises(ServiceFailed, match="not a job"):
        call(ScriptedService(httpx.Response(200, content=body)), "get", "job1")


@pytest.mark.parametrize("status", [429, 503])
def test_submission_is_repeated_when_nothing_was_accepted(call: Caller, status: int) -> None:
    later = (status, problem_json(status, "later"), {"Retry-After": "0"})
    service = ScriptedService(later, REFUSED_CONNECTION, (202, job_json()))
    assert call(service, "generate").id == "job1"
    assert len(service.requests) == 3


@pytest.mark.parametrize(("status", "kind"), [(429, TooManyRequests), (503, Unavailable)])
def test_retries_end(call: Caller, status: int, kind: type[ProblemError]) -> None:
    service = ScriptedService(*[(status, problem_json(status, "later"))] * 3)
    with pytest.raises(kind):
        call(service, "generate")
    assert len(service.requests) == 3


def test_a_wait_longer_than_the_policy_allows_is_raised_at_once(call: Caller) -> None:
    service = ScriptedService((429, problem_json(429, "queue_full"), {"Retry-After": "600"}))
    with pytest.raises(TooManyRequests) as caught:
        call(service, "generate")
    assert caught.value.problem.retry_after_s == 600


@pytest.mark.parametrize("broken", [BROKEN_ANSWER, (502, {}), (504, {})])
def test_a_submission_that_may_have_arrived_is_repeated_under_one_key(call: Caller, broken: Any) -> None:
    service = ScriptedService(broken, (202, job_json()), (202, job_json()))
    call(service, "generate")
    call(service, "generate")
    first, again, another = (request.headers["Idempotency-Key"] for request in service.requests)
    assert first == again != another


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


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"jobs": [{}]}'])
def test_an_answer_that_is_no_page_is_an_error(call: Caller, body: bytes) -> None:
    with pytest.raises(ServiceFailed, match="not a list of jobs"):
        call(ScriptedService(httpx.Response(200, content=body)), "jobs")


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


def test_reading_is_repeated_after_a_broken_connection(call: Caller) -> None:
    service = ScriptedService(BROKEN_ANSWER, (502, {}), (200, job_json()))
    assert call(service, "get", "job1").id == "job1"


def test_an_unreachable_service_is_told_with_its_address(call: Caller) -> None:
    with pytest.raises(ConnectionFailed, match="http://service"):
        call(ScriptedService(*[REFUSED_CONNECTION] * 3), "get", "job1")


def test_retry_after_is_honoured_in_both_of_its_forms(call: Caller) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    for value in ("60", in_a_minute):
        with pytest.raises(TooManyRequests) as caught:
            call(ScriptedService((429, {}, {"Retry-After": value})), "generate")
        assert caught.value.problem.retry_after_s == pytest.approx(60, abs=2)
    with pytest.raises(NotFound) as unreadable:
        call(ScriptedService((404, {}, {"Retry-After": "soon"})), "get", "x")
    assert unreadable.value.problem.retry_after_s is None


def test_proxies_of_the_environment_are_not_used_for_this_machine() -> None:
    assert on_this_machine("http://127.0.0.1:8000")
    assert on_this_machine("http://[::1]:8000")
    assert not on_this_machine("https://inlay.example.com")


def test_unreadable_pictures_are_the_callers_error(call: Caller, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(ScriptedService(), "complete", tmp_path / "absent.png", keep="left")
