"""Calls that are refused or lost: exceptions of their kind, and what is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from inlay import (
    Conflict,
    ConnectionFailed,
    Gone,
    InvalidRequest,
    NotFound,
    ProblemError,
    Refused,
    ServiceFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tests.inlay.calling import BROKEN_ANSWER, REFUSED_CONNECTION, Caller
from tests.inlay.fake_service import ScriptedService, job_json, problem_json


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


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"jobs": [{}]}'])
def test_an_answer_that_is_no_page_is_an_error(call: Caller, body: bytes) -> None:
    with pytest.raises(ServiceFailed, match="not a list of jobs"):
        call(ScriptedService(httpx.Response(200, content=body)), "jobs")


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


def test_reading_is_repeated_after_a_broken_connection(call: Caller) -> None:
    service = ScriptedService(BROKEN_ANSWER, (502, {}), (200, job_json()))
    assert call(service, "get", "job1").id == "job1"


@pytest.mark.parametrize("lost", [BROKEN_ANSWER, (502, {}), (503, {}, {"Retry-After": "0"}), (504, {})])
@pytest.mark.parametrize("status", [404, 410])
def test_a_deletion_whose_answer_was_lost_is_found_done(call: Caller, lost: Any, status: int) -> None:
    service = ScriptedService(lost, (status, problem_json(status, "job_not_found")))
    assert call(service, "delete", "job1") is None
    assert len(service.requests) == 2


@pytest.mark.parametrize("before", [[], [REFUSED_CONNECTION], [(429, {}, {"Retry-After": "0"})]])
def test_deleting_what_there_never_was_is_an_error(call: Caller, before: list[Any]) -> None:
    with pytest.raises(NotFound):
        call(ScriptedService(*before, (404, problem_json(404, "job_not_found"))), "delete", "job1")


def test_only_deletions_are_done_when_nothing_is_found(call: Caller) -> None:
    for method in ("get", "cancel"):
        with pytest.raises(NotFound):
            call(ScriptedService(BROKEN_ANSWER, (404, problem_json(404, "job_not_found"))), method, "job1")


def test_an_upload_that_was_too_slow_is_sent_again(call: Caller) -> None:
    slow = (408, problem_json(408, "body_timeout", retryable=True))
    service = ScriptedService(slow, (202, job_json()))
    assert call(service, "complete", b"PNG", keep="left").id == "job1"
    first, again = (request.headers["Idempotency-Key"] for request in service.requests)
    assert first == again
    with pytest.raises(Refused, match="408"):
        call(ScriptedService((408, {})), "generate")


@pytest.mark.parametrize(
    ("method", "below"), [("get", b""), ("result", b"/result/0"), ("cancel", b"/cancel"), ("follow", b"/events")]
)
def test_an_id_leads_nowhere_else_whatever_it_holds(call: Caller, method: str, below: bytes) -> None:
    for job_id, segment in (
        ("../../healthz", b"%2E%2E%2F%2E%2E%2Fhealthz"),
        ("..", b"%2E%2E"),
        ("a?b#%", b"a%3Fb%23%25"),
    ):
        service = ScriptedService((404, problem_json(404, "job_not_found")))
        with pytest.raises(NotFound):
            call(service, method, job_id)
        assert service.requests[0].url.raw_path == b"/v1/jobs/" + segment + below


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


def test_unreadable_pictures_are_the_callers_error(call: Caller, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(ScriptedService(), "complete", tmp_path / "absent.png", keep="left")
