"""Events come with the changes of the record, in the same atomic step: none ahead, none lost, none twice."""

from __future__ import annotations

import pytest
from redis.exceptions import OutOfMemoryError

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode, TransitionRefused
from jobs.events import EventLog, event_id
from jobs.record import Failure, JobState, Progress
from jobs.store import JobStore, new_token
from tests.jobs.conftest import NewRecord

JOB = "job-00000001"


@pytest.fixture
def log(redis: RedisClient) -> EventLog:
    return EventLog(redis)


def names(log: EventLog) -> list[str]:
    return [event.name for event in log.past(JOB)]


def test_life_of_a_job_that_is_given_back_is_told_in_order_with_its_attempts(
    store: JobStore, log: EventLog, new_record: NewRecord
) -> None:
    store.create(new_record())
    store.claim(JOB, "one")
    store.move(JOB, JobState.QUEUED, expect={JobState.RUNNING})
    store.claim(JOB, "two")
    assert log.progress(JOB, Progress(step=1, steps=2, eta_s=0.5), attempt=2, worker="two", preview=b"\x00picture")
    error = Failure(code=FailureCode.DIVERGED, detail="It “diverged”.")
    store.move(JOB, JobState.FAILED, expect={JobState.RUNNING}, error=error)
    events = log.past(JOB)
    assert [(event.name, event.data["attempt"]) for event in events] == [
        ("queued", 0),
        ("started", 1),
        ("queued", 1),
        ("started", 2),
        ("progress", 2),
        ("failed", 2),
    ]
    assert events[4].data == {"attempt": 2, "step": 1, "steps": 2, "eta_s": 0.5}
    assert events[4].preview == b"\x00picture"
    assert events[5].data["error"] == {"code": "diverged", "detail": "It “diverged”."}
    assert [event.final for event in events] == [False] * 5 + [True]
    assert [event.id for event in events] == sorted({event.id for event in events})


def test_transition_that_is_refused_or_sent_again_tells_nothing(
    store: JobStore, log: EventLog, new_record: NewRecord
) -> None:
    record = new_record()
    store.create(record)
    store.create(record)
    store.claim(JOB, "one")
    token = new_token()
    for _ in range(2):
        store.move(JOB, JobState.SUCCEEDED, expect={JobState.RUNNING}, token=token)
    with pytest.raises(TransitionRefused):
        store.move(JOB, JobState.CANCELED, expect={JobState.RUNNING})
    assert names(log) == ["queued", "started", "succeeded"]


def test_canceling_a_queued_job_is_told_once(store: JobStore, log: EventLog, new_record: NewRecord) -> None:
    store.create(new_record())
    store.request_cancel(JOB)
    store.request_cancel(JOB)
    assert names(log) == ["queued", "canceled"]


def test_progress_of_an_attempt_that_lost_the_job_is_not_told(
    store: JobStore, log: EventLog, new_record: NewRecord
) -> None:
    progress = Progress(step=1, steps=2)
    assert not log.progress(JOB, progress, attempt=1, worker="one")
    store.create(new_record())
    assert not log.progress(JOB, progress, attempt=0, worker=None)
    store.claim(JOB, "one")
    assert not log.progress(JOB, progress, attempt=2, worker="one")
    assert not log.progress(JOB, progress, attempt=1, worker="two")
    store.move(JOB, JobState.SUCCEEDED, expect={JobState.RUNNING})
    assert not log.progress(JOB, progress, attempt=1, worker="one")
    assert names(log) == ["queued", "started", "succeeded"]


def test_later_events_of_several_jobs_are_read_in_one_call(
    store: JobStore, log: EventLog, new_record: NewRecord
) -> None:
    other = "job-00000002"
    for job_id in (JOB, other):
        store.create(new_record(job_id))
    after = {job_id: log.past(job_id)[-1].id for job_id in (JOB, other)}
    assert log.later(after, wait_ms=1) == {}
    store.claim(JOB, "one")
    later = log.later(after, wait_ms=1000)
    assert {job_id: [event.name for event in events] for job_id, events in later.items()} == {JOB: ["started"]}
    store.claim(other, "one")
    assert set(log.later(after, wait_ms=1)) == {JOB, other}


def test_stream_is_bounded_and_lives_as_long_as_its_record(
    store: JobStore, log: EventLog, redis: RedisClient, new_record: NewRecord
) -> None:
    store.create(new_record())
    store.claim(JOB, "one")
    for step in range(1200):
        log.progress(JOB, Progress(step=step, steps=1200), attempt=1, worker="one")
    assert 512 <= redis.xlen(keys.events(JOB)) < 700
    assert abs(redis.pttl(keys.events(JOB)) - redis.pttl(keys.job(JOB))) < 1000
    store.move(JOB, JobState.SUCCEEDED, expect={JobState.RUNNING})
    assert abs(redis.pttl(keys.events(JOB)) - redis.pttl(keys.job(JOB))) < 1000


def test_deleting_is_told_to_those_who_follow_and_leaves_nothing_for_long(
    store: JobStore, log: EventLog, redis: RedisClient, new_record: NewRecord
) -> None:
    store.create(new_record())
    (last,) = log.past(JOB)
    store.delete(JOB)
    assert names(log) == []
    log.tell_deleted(JOB)
    assert [event.name for event in log.later({JOB: last.id}, wait_ms=1)[JOB]] == ["canceled"]
    assert 0 < redis.ttl(keys.events(JOB)) <= 60
    assert log.kept([JOB]) == set()


def test_previews_are_wanted_for_a_while(log: EventLog, redis: RedisClient) -> None:
    log.want_previews([JOB])
    assert log.previews_wanted([JOB, "job-00000002"]) == {JOB}
    assert 0 < redis.ttl(keys.previews(JOB)) <= 30


def test_full_redis_changes_neither_record_nor_events(
    store: JobStore, log: EventLog, redis: RedisClient, new_record: NewRecord
) -> None:
    store.create(new_record())
    store.claim(JOB, "one")
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            store.move(JOB, JobState.SUCCEEDED, expect={JobState.RUNNING})
        with pytest.raises(OutOfMemoryError):
            log.progress(JOB, Progress(step=1, steps=2), attempt=1, worker="one")
    finally:
        redis.config_set("maxmemory", 0)
    assert (store.state(JOB), names(log)) == ("running", ["queued", "started"])


def test_event_ids_are_ordered_as_numbers() -> None:
    assert event_id("9-10") > event_id("9-9") > event_id("8-11")
    with pytest.raises(ValueError, match="unpack"):
        event_id("9")
