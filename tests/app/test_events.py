"""`GET /v1/jobs/{id}/events`: a real server on a real Redis; the worker is played."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.settings import Settings
from tests.app.listening import WHOLE_LIFE, Listener, run, submit
from tests.app.service import ApiProcess
from tests.app.sse import events_of, names
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.usefixtures("silence")  # which is over sooner if it begins now


def test_job_is_told_as_it_happens_and_then_the_stream_ends(
    api: ApiProcess, http: httpx.Client, worker: StandIn
) -> None:
    job = submit(http)
    listener = Listener(api, job["links"]["events"])
    listener.hears("event: queued")
    record = worker.start(job["id"])
    listener.hears("event: started")
    for step in (1, 2, 3):
        worker.report(record, step, eta_s=3.0 - step)
        listener.hears(f'data: {{"attempt": 1, "step": {step}, "steps": 3, "eta_s": {3.0 - step}}}')
    worker.finish(record)
    listener.join(30)
    assert not listener.is_alive()
    assert names(listener.events) == WHOLE_LIFE
    assert [event.data for event in listener.events if event.name != "progress"] == [
        {"attempt": 0},
        {"attempt": 1},
        {"attempt": 1},
    ]


def test_answer_says_what_it_is_and_that_nobody_may_keep_it(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    run(worker, job["id"])
    headers = http.get(job["links"]["events"]).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("how", ["header", "query"])
def test_replay_from_any_event_gives_exactly_the_rest(http: httpx.Client, worker: StandIn, how: str) -> None:
    job = submit(http)
    run(worker, job["id"])
    path = job["links"]["events"]
    whole = events_of(http, path)
    assert names(whole) == WHOLE_LIFE
    for place, event in enumerate(whole[:-1], start=1):
        asked = {"headers": {"Last-Event-ID": event.id}} if how == "header" else {"params": {"last_event_id": event.id}}
        assert events_of(http, path, **asked) == whole[place:]
    ended = http.get(path, headers={"Last-Event-ID": whole[-1].id})
    assert (ended.status_code, ended.content) == (204, b"")


def test_the_header_wins_as_browsers_repeat_the_address_when_they_come_back(
    http: httpx.Client, worker: StandIn
) -> None:
    job = submit(http)
    run(worker, job["id"])
    path = job["links"]["events"]
    whole = events_of(http, path)
    asked = {"params": {"last_event_id": whole[0].id}, "headers": {"Last-Event-ID": whole[3].id}}
    assert events_of(http, path, **asked) == whole[4:]


def test_failure_and_cancellation_are_told_with_their_reason(http: httpx.Client, worker: StandIn) -> None:
    failed, canceled = submit(http), submit(http)
    worker.fail(worker.start(failed["id"]))
    http.post(canceled["links"]["cancel"])
    last = events_of(http, failed["links"]["events"])[-1]
    assert (last.name, last.data["error"]) == ("failed", {"code": "diverged", "detail": "The sampler diverged."})
    assert names(events_of(http, canceled["links"]["events"])) == ["queued", "canceled"]


def test_job_that_goes_back_to_the_queue_is_told_with_its_attempts(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    worker.give_back(worker.start(job["id"]))
    run(worker, job["id"])
    events = events_of(http, job["links"]["events"])
    assert names(events) == ["queued", "started", "queued", *WHOLE_LIFE[1:]]
    assert [event.data["attempt"] for event in events] == [0, 1, 1, 2, 2, 2, 2, 2]


def test_final_state_is_told_from_the_record_if_the_stream_has_lost_it(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    run(worker, job["id"])
    worker.redis.delete(keys.events(job["id"]))
    (last,) = events_of(http, job["links"]["events"])
    assert (last.name, last.data) == ("succeeded", {"attempt": 1})
    assert http.get(job["links"]["events"], headers={"Last-Event-ID": last.id}).status_code == 204


def test_previews_come_to_those_who_want_them(api: ApiProcess, http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    assert not worker.events.previews_wanted([job["id"]])
    listener = Listener(api, job["links"]["events"], params={"previews": "true"})
    assert worker.events.previews_wanted([job["id"]])
    record = worker.start(job["id"])
    worker.report(record, 1, preview=b"RIFF....WEBP".ljust(30, b"\xff"))
    worker.report(record, 2)
    worker.finish(record)
    listener.join(30)
    pictured = [event.data for event in listener.events if "preview" in event.data]
    assert [data["step"] for data in pictured] == [1]
    start, _, encoded = pictured[0]["preview"].partition(",")
    assert (start, base64.b64decode(encoded)) == ("data:image/webp;base64", b"RIFF....WEBP".ljust(30, b"\xff"))
    plain = events_of(http, job["links"]["events"])
    assert names(plain) == names(listener.events)
    assert not any("preview" in event.data for event in plain)


def test_unknown_expired_and_malformed_are_problems(http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    path = job["links"]["events"]
    for answer in (
        http.get(path, headers={"Last-Event-ID": "yesterday"}),
        http.get(path, params={"last_event_id": "1-2-3"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    worker.redis.delete(keys.job(job["id"]))
    gone = http.get(job["links"]["events"])
    assert (gone.status_code, gone.json()["code"]) == (410, "job_expired")
    unknown = http.get("/v1/jobs/no-such-job/events")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job_not_found")


def test_followers_of_a_deleted_job_are_let_go(api: ApiProcess, http: httpx.Client, worker: StandIn) -> None:
    job = submit(http)
    listener = Listener(api, job["links"]["events"])
    worker.start(job["id"])
    listener.hears("event: started")
    assert http.delete(job["links"]["self"]).status_code == 204
    listener.join(30)
    assert names(listener.events) == ["queued", "started", "canceled"]
    assert http.get(job["links"]["events"]).status_code == 404
    assert 0 < worker.redis.ttl(keys.events(job["id"])) <= 60


@pytest.fixture
def durable(durable_redis_server: RedisProcess) -> Iterator[tuple[RedisProcess, StandIn]]:
    stand_in = StandIn(Settings(redis_url=SecretStr(durable_redis_server.url)))
    stand_in.appear()
    yield durable_redis_server, stand_in
    stand_in.close()


def test_followers_survive_a_redis_and_resume_on_another_server(durable: tuple[RedisProcess, StandIn]) -> None:
    redis, worker = durable
    with ApiProcess(redis_url=redis.url) as first:
        job = submit(first.client)
        listener = Listener(first, job["links"]["events"])
        record = worker.start(job["id"])
        worker.report(record, 1)
        listener.hears("event: progress")
        redis.restart()
        worker.report(record, 2)
        listener.hears('data: {"attempt": 1, "step": 2, "steps": 3, "eta_s": null}')
        stopping_since = time.monotonic()
        assert "Traceback" not in first.stop()
        assert time.monotonic() - stopping_since < 8, "followers must not hold up the end of a server"
        listener.join(30)
    worker.report(record, 3)
    worker.finish(record)
    with ApiProcess(redis_url=redis.url) as second:
        seen = listener.events[-1].id
        rest = events_of(second.client, job["links"]["events"], headers={"Last-Event-ID": seen})
    assert names([*listener.events, *rest]) == WHOLE_LIFE
