"""Following a job: typed events over connections that break, first against a script, then against a real service."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from inlay import (
    AsyncClient,
    Client,
    ConnectionFailed,
    Ended,
    Event,
    NotFound,
    Progress,
    Progressed,
    Queued,
    RetryPolicy,
    Started,
)
from inlay.models import JobFailure
from inlay.states import states
from tests.inlay.fake_service import ScriptedService, job_json, problem_json

SWIFT = RetryPolicy(attempts=4, first_delay_s=0.001, longest_delay_s=0.05)


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks after its last chunk, if it has an error to break with."""

    def __init__(self, text: str, error: Exception | None = None) -> None:
        self.text, self.error = text, error

    def __iter__(self) -> Iterator[bytes]:
        yield self.text.encode()
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def told(number: int, name: str, **data: object) -> str:
    return f"id: {number}-0\nevent: {name}\ndata: {json.dumps({'attempt': 1, **data})}\n\n"


def stream(*parts: str, error: Exception | None = None) -> httpx.Response:
    headers = {"Content-Type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=Stream("".join(parts), error))


def follow(service: ScriptedService, *, asynchronous: bool, **options: Any) -> list[Event]:
    if not asynchronous:
        with Client("http://service", retries=SWIFT, transport=service) as client:
            return list(client.follow("job1", **options))

    async def gather() -> list[Event]:
        async with AsyncClient("http://service", retries=SWIFT, transport=service) as client:
            return [event async for event in client.follow("job1", **options)]

    return asyncio.run(gather())


@pytest.fixture(params=[False, True], ids=["blocking", "asyncio"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_events_are_typed_and_those_of_a_newer_service_are_passed_over(asynchronous: bool) -> None:
    preview = "data:image/webp;base64," + base64.b64encode(b"RIFF").decode()
    answer = stream(
        "retry: 1000\n\n",
        told(1, "queued"),
        ": the job goes on\n\n",
        told(2, "started"),
        told(3, "polished", shine=9),
        told(4, "progress", step=2, steps=20, eta_s=1.5, preview=preview),
        told(5, "progress", step=3, steps=20, eta_s=None),
        told(6, "failed", error={"code": "diverged", "detail": "It diverged."}),
    )
    service = ScriptedService(answer)
    assert follow(service, asynchronous=asynchronous, previews=True) == [
        Queued("1-0", 1),
        Started("2-0", 1),
        Progressed("4-0", 1, Progress(2, 20, 1.5), b"RIFF"),
        Progressed("5-0", 1, Progress(3, 20, None), None),
        Ended("6-0", 1, "failed", JobFailure("diverged", "It diverged.")),
    ]
    assert service.requests[0].url.path == "/v1/jobs/job1/events"
    assert service.requests[0].url.query == b"previews=true"


def test_broken_or_early_ended_stream_is_taken_up_after_the_last_event(asynchronous: bool) -> None:
    service = ScriptedService(
        stream(told(1, "queued"), "id: 2-0\nevent: star", error=httpx.ReadError("reset")),
        stream("retry: 1000\n\n", told(2, "started")),
        httpx.ConnectError("refused"),
        (503, problem_json(503, "storage_unavailable"), {"Retry-After": "0"}),
        stream(told(3, "succeeded")),
    )
    events = follow(service, asynchronous=asynchronous)
    assert [event.id for event in events] == ["1-0", "2-0", "3-0"]
    sent = [request.headers.get("Last-Event-ID") for request in service.requests]
    assert sent == [None, "1-0", "2-0", "2-0", "2-0"]


def test_follower_that_has_seen_the_end_is_told_nothing(asynchronous: bool) -> None:
    service = ScriptedService(httpx.Response(204))
    assert follow(service, asynchronous=asynchronous, after="9-0") == []
    assert service.requests[0].headers["Last-Event-ID"] == "9-0"


def test_service_that_does_not_come_back_is_an_error(asynchronous: bool) -> None:
    service = ScriptedService(stream(told(1, "queued")), *[httpx.ConnectError("refused")] * 3)
    with pytest.raises(ConnectionFailed):
        follow(service, asynchronous=asynchronous)


def test_unknown_job_is_an_error(asynchronous: bool) -> None:
    with pytest.raises(NotFound):
        follow(ScriptedService((404, problem_json(404, "job_not_found"))), asynchronous=asynchronous)


def test_time_to_follow_may_be_bounded(asynchronous: bool) -> None:
    service = ScriptedService(stream(told(1, "queued"), error=httpx.ReadTimeout("silence")))
    assert [event.id for event in follow(service, asynchronous=asynchronous, timeout_s=0.0)] == ["1-0"]


def test_states_come_from_events_once_the_job_runs() -> None:
    service = ScriptedService(
        (200, job_json()),
        (200, job_json("running")),
        stream(told(1, "queued"), told(2, "started"), told(3, "progress", step=7, steps=20), told(4, "succeeded")),
        (200, job_json("succeeded")),
    )
    with Client("http://service", retries=SWIFT, transport=service) as client:
        seen = [(job.state, job.progress.step) for job in states(client, "job1", interval_s=0.01)]
    assert seen == [("queued", 0), ("running", 0), ("running", 7), ("succeeded", 0)]


def test_states_of_a_service_without_events_are_asked_for() -> None:
    half_way = job_json("running", progress={"step": 10, "steps": 20, "eta_s": 1.0})
    service = ScriptedService(
        (200, job_json("running")),
        (404, problem_json(404, "route_not_found")),
        (200, half_way),
        (200, job_json("succeeded")),
    )
    with Client("http://service", retries=SWIFT, transport=service) as client:
        seen = [(job.state, job.progress.step) for job in states(client, "job1", interval_s=0.01)]
    assert seen == [("running", 0), ("running", 10), ("succeeded", 0)]


def test_real_service_is_followed_to_the_end_and_from_any_event(service_url: str) -> None:
    with Client(service_url) as client:
        job = client.generate(prompt="a vase", steps=3)
        events = list(client.follow(job.id))
        kinds = [type(event) for event in events]
        assert kinds == [Queued, Started, Progressed, Progressed, Progressed, Ended]
        assert list(client.follow(job.id, after=events[2].id)) == events[3:]
        assert list(client.follow(job.id, after=events[-1].id)) == []
