"""Waiting ends in time, wherever the job is then, and no answer is held for longer than the client waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from inlay import AsyncClient, Client, NotFound, WaitTimeout
from inlay.states import states
from tests.inlay.calling import SWIFT, Caller
from tests.inlay.fake_service import ScriptedService, job_json, problem_json

MANY = 100


class Heartbeats(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream of a job that stands still: signs of life and no event, far longer than anyone may follow it."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(MANY):
            time.sleep(0.05)
            yield b": the job goes on\n\n"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def heartbeats() -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Heartbeats())


def seen(service: ScriptedService, timeout_s: float) -> Iterator[str]:
    with Client("http://service", retries=SWIFT, transport=service) as client:
        for job in states(client, "job1", interval_s=0.1, timeout_s=timeout_s):
            yield job.state


@pytest.mark.parametrize("interval_s", [0.05, 30])
def test_poll_gives_up_in_time_though_nothing_changes(call: Caller, interval_s: float) -> None:
    service = ScriptedService(*[(200, job_json())] * MANY)
    started = time.monotonic()
    with pytest.raises(WaitTimeout, match=r"still queued after 0\.3 s"):
        call(service, "poll", "job1", interval_s=interval_s, timeout_s=0.3)
    assert time.monotonic() - started < 3
    assert len(service.requests) < MANY


def test_following_ends_in_time_though_the_job_stands_still(call: Caller) -> None:
    started = time.monotonic()
    assert call(ScriptedService(heartbeats()), "follow", "job1", timeout_s=0.3) == []
    assert time.monotonic() - started < 3


def test_states_give_up_in_time_in_the_queue() -> None:
    shown = seen(ScriptedService(*[(200, job_json())] * MANY), 0.3)
    assert next(shown) == "queued"
    with pytest.raises(WaitTimeout, match=r"still queued after 0\.3 s"):
        next(shown)


def test_states_follow_only_for_the_time_that_the_queue_has_left() -> None:
    waiting = [(200, job_json())] * 4
    service = ScriptedService(*waiting, (200, job_json("running")), heartbeats(), (200, job_json("running")))
    with pytest.raises(WaitTimeout, match=r"still running after 2 s"):
        list(seen(service, 2))
    assert service.requests[5].url.path == "/v1/jobs/job1/events"
    assert service.requests[5].extensions["timeout"]["read"] <= 1.6


def test_states_of_a_service_without_events_are_asked_for_in_the_time_that_is_left() -> None:
    running = (200, job_json("running"))
    service = ScriptedService(running, (404, problem_json(404, "route_not_found")), *[running] * MANY)
    with pytest.raises(WaitTimeout, match=r"still running after 0\.3 s"):
        list(seen(service, 0.3))


def test_states_of_a_job_that_ends_while_the_time_does_are_whole() -> None:
    service = ScriptedService((200, job_json("running")), heartbeats(), (200, job_json("succeeded")))
    assert list(seen(service, 0.2)) == ["running", "succeeded"]


def test_states_of_a_job_that_is_deleted_are_an_error() -> None:
    service = ScriptedService((200, job_json("running")), (404, problem_json(404, "job_not_found")))
    with pytest.raises(NotFound):
        list(seen(service, 5))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
@pytest.mark.parametrize(
    ("timeout_s", "asked"), [(60, "wait=20"), (30, "wait=20"), (20, "wait=13"), (3, "wait=2"), (1, None)]
)
def test_no_answer_is_held_for_longer_than_the_client_waits_for_it(
    asynchronous: bool, timeout_s: float, asked: str | None
) -> None:
    service = ScriptedService((200, job_json("succeeded")))
    options: dict[str, Any] = {"timeout_s": timeout_s, "transport": service}
    if asynchronous:

        async def waited() -> None:
            async with AsyncClient("http://service", **options) as client:
                await client.wait("job1")

        asyncio.run(waited())
    else:
        with Client("http://service", **options) as client:
            client.wait("job1")
    assert service.requests[0].headers.get("Prefer") == asked


def test_an_impatient_client_waits_for_a_job_of_a_real_service(service_url: str) -> None:
    with Client(service_url, timeout_s=1.5, retries=SWIFT) as client:
        job = client.generate(prompt="hold")
        with pytest.raises(WaitTimeout, match=r"after 2\.5 s"):
            client.wait(job.id, timeout_s=2.5)
