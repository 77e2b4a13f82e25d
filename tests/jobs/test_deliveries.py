"""Webhooks in Redis: due with the final state, leased by one at a time, settled once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.connect import REDIS_FULL, RedisClient, connect, text
from jobs.deliveries import Attempt, AttemptError, DeliveryBook, DeliveryState, DueDelivery
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from jobs.store import JobStore, new_token
from tests.jobs.conftest import NewRecord
from tests.redis_process import RedisProcess

URL = "https://Hooks.example/a?b=c"
JOB = "job-00000001"


@pytest.fixture
def book(redis: RedisClient) -> DeliveryBook:
    return DeliveryBook(redis)


def take(book: DeliveryBook, **asked: Any) -> list[DueDelivery]:
    usual: dict[str, Any] = {"most": 8, "most_each": 8, "busy": {}, "lease_s": 60.0, "give_up_s": 7200}
    return book.take(**usual | asked)


def ended(store: JobStore, new_record: NewRecord, job_id: str = JOB, url: str = URL) -> JobRecord:
    record = new_record(job_id, webhook_url=url)
    store.create(record)
    return store.transition(record.id, JobState.FAILED, expect={JobState.QUEUED})


def attempt(number: int, error: AttemptError | None = None) -> Attempt:
    return Attempt(attempt=number, at=datetime.now(UTC), status=200, duration_s=0.25, error=error)


ENDS: dict[str, tuple[Callable[[JobStore], object], str]] = {
    "fails while it waits": (
        lambda store: store.transition(JOB, JobState.FAILED, expect={JobState.QUEUED}),
        "job.failed",
    ),
    "is canceled while it waits": (lambda store: store.request_cancel(JOB), "job.canceled"),
    "is deleted while it waits": (lambda store: store.delete(JOB), "job.canceled"),
    "succeeds": (
        lambda store: (store.claim(JOB, "w"), store.transition(JOB, JobState.SUCCEEDED, expect={JobState.RUNNING})),
        "job.succeeded",
    ),
    "is canceled while it runs": (
        lambda store: (
            store.claim(JOB, "w"),
            store.request_cancel(JOB),
            store.transition(JOB, JobState.CANCELED, expect={JobState.RUNNING}),
        ),
        "job.canceled",
    ),
    "is deleted while it runs": (lambda store: (store.claim(JOB, "w"), store.delete(JOB)), "job.canceled"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_webhook_is_due_at_the_moment_a_job_has_ended(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, end: str
) -> None:
    store.create(new_record(webhook_url=URL))
    assert take(book) == []
    finish, event = ENDS[end]
    finish(store)
    (due,) = take(book)
    assert (due.job_id, due.event, due.url, due.receiver, due.attempt) == (JOB, event, URL, "hooks.example", 1)
    told = book.record(JOB)
    assert told is not None
    assert f"job.{told.state}" == event
    assert told.finished_at is not None
    assert abs(due.taken_at - time.time()) < 5


def test_jobs_without_a_webhook_leave_no_trace(store: JobStore, new_record: NewRecord, book: DeliveryBook) -> None:
    store.create(new_record())
    store.request_cancel(JOB)
    assert take(book) == []
    assert book.log(JOB) is None
    store.delete(JOB)
    assert store._redis.keys("*") == []


def test_a_repeated_transition_makes_one_webhook(store: JobStore, new_record: NewRecord, book: DeliveryBook) -> None:
    store.create(new_record(webhook_url=URL))
    token = new_token()
    for _ in range(2):
        store.move(JOB, JobState.FAILED, expect={JobState.QUEUED}, token=token)
    (due,) = take(book)
    assert book.settle(due, attempt(1), DeliveryState.DELIVERED)
    store.move(JOB, JobState.FAILED, expect={JobState.QUEUED}, token=token)
    assert take(book) == []


def test_what_is_given_back_to_the_queue_is_not_told(
    store: JobStore, new_record: NewRecord, book: DeliveryBook
) -> None:
    store.create(new_record(webhook_url=URL))
    store.claim(JOB, "w")
    store.move(JOB, JobState.QUEUED, expect={JobState.RUNNING})
    store.claim(JOB, "w")
    store.request_cancel(JOB)
    assert take(book) == []


def test_a_lease_keeps_others_away_until_it_ends(store: JobStore, new_record: NewRecord, book: DeliveryBook) -> None:
    ended(store, new_record)
    (first,) = take(book, lease_s=0.2)
    assert take(book) == []
    time.sleep(0.25)
    (second,) = take(book)
    assert (first.attempt, second.attempt) == (1, 2)
    assert not book.settle(first, attempt(1), DeliveryState.DELIVERED), "the lease was lost"
    assert book.settle(second, attempt(2), DeliveryState.DELIVERED)
    assert not book.settle(second, attempt(2), DeliveryState.DELIVERED), "once is enough"
    log = book.log(JOB)
    assert log is not None
    assert [(one.attempt, one.error) for one in log.attempts] == [(1, AttemptError.INTERRUPTED), (2, None)]
    assert log.state is DeliveryState.DELIVERED


def test_a_failed_attempt_is_due_again_at_its_time(store: JobStore, new_record: NewRecord, book: DeliveryBook) -> None:
    ended(store, new_record)
    (due,) = take(book)
    book.settle(due, attempt(1, AttemptError.STATUS), DeliveryState.PENDING, again_in_s=0.3)
    log = book.log(JOB)
    assert log is not None
    assert log.next_attempt_at is not None
    assert abs(log.next_attempt_at.timestamp() - time.time() - 0.3) < 0.3
    assert take(book) == []
    time.sleep(0.35)
    (again,) = take(book)
    assert again.attempt == 2
    assert again.made_at == due.made_at
    book.settle(again, attempt(2, AttemptError.GONE), DeliveryState.GIVEN_UP)
    log = book.log(JOB)
    assert log is not None
    assert (log.state, log.next_attempt_at, len(log.attempts)) == (DeliveryState.GIVEN_UP, None, 2)


def test_one_receiver_gets_its_share_and_the_others_are_not_held(
    store: JobStore, new_record: NewRecord, book: DeliveryBook
) -> None:
    for number in range(5):
        ended(store, new_record, f"job-slow-{number:03}", "https://slow.example/")
    ended(store, new_record, "job-other-001", "https://other.example/")
    assert [due.receiver for due in take(book, most_each=2)] == ["slow.example", "slow.example", "other.example"]
    assert take(book, most_each=2, busy={"slow.example": 2}) == []


def test_what_nobody_manages_to_settle_is_given_up_in_the_end(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient
) -> None:
    ended(store, new_record)
    store.delete(JOB)
    assert len(take(book, lease_s=0.1, give_up_s=0)) == 1, "there is always a first attempt"
    time.sleep(0.15)
    assert take(book, give_up_s=0) == []
    assert redis.zcard(keys.DELIVERIES) == 0
    assert redis.hget(keys.delivery(JOB), "state") == b"given_up"
    assert book.record(JOB) is None


def test_log_and_webhook_live_as_long_as_the_job(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient, settings: Settings
) -> None:
    ended(store, new_record)
    (due,) = take(book)
    book.settle(due, attempt(1), DeliveryState.DELIVERED)
    for key in (keys.job(JOB), keys.delivery(JOB), keys.delivery_log(JOB)):
        assert settings.result_ttl_s - 10 < int(redis.ttl(key)) <= settings.result_ttl_s
    assert redis.keys("*deliver*") != []
    assert redis.zcard(keys.DELIVERIES) == 0


def test_a_webhook_whose_job_is_no_longer_kept_is_dropped(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient
) -> None:
    ended(store, new_record)
    redis.delete(keys.job(JOB), keys.delivery(JOB))
    assert take(book) == []
    assert redis.zcard(keys.DELIVERIES) == 0


def test_what_a_deleted_job_still_has_to_tell_is_kept_until_it_is_told(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient
) -> None:
    record = ended(store, new_record)
    assert store.delete(JOB) == record
    assert store.get(JOB) is None
    assert store.delete(JOB) is None, "a second time changes nothing"
    assert 7200 < int(redis.ttl(keys.departed(JOB))) <= 7800
    (due,) = take(book)
    assert book.record(JOB) == record
    book.settle(due, attempt(1), DeliveryState.DELIVERED)
    assert book.record(JOB) is None
    left = {text(key) for key in redis.keys("*")}
    assert left == {keys.delivery(JOB)}, "what is left expires"
    assert int(redis.ttl(keys.delivery(JOB))) > 0


def test_a_job_whose_webhook_was_told_goes_without_a_trace(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient
) -> None:
    ended(store, new_record)
    (due,) = take(book)
    book.settle(due, attempt(1), DeliveryState.DELIVERED)
    store.delete(JOB)
    assert redis.keys("*") == []


def fill(redis: RedisClient) -> None:
    for number in range(1000):
        redis.set(f"filling-{number}", b"x" * 50_000)


def test_deleting_makes_room_also_when_redis_is_full(new_record: NewRecord) -> None:
    with RedisProcess(max_memory_bytes=4 * 2**20) as small:
        settings = Settings(redis_url=SecretStr(small.url))
        with connect(settings) as redis:
            store = JobStore(redis, settings)
            store.create(new_record(webhook_url=URL))
            with pytest.raises(REDIS_FULL):
                fill(redis)
            assert store.delete(JOB) is not None
            assert DeliveryBook(redis).record(JOB) is not None
            assert redis.zscore(keys.DELIVERIES, JOB) is not None


@pytest.mark.parametrize("final", [False, True])
def test_a_job_that_is_taken_back_tells_nobody(
    store: JobStore, new_record: NewRecord, book: DeliveryBook, redis: RedisClient, final: bool
) -> None:
    if final:
        ended(store, new_record)
    else:
        store.create(new_record(webhook_url=URL))
    store.delete(JOB, told=False)
    assert take(book) == []
    assert redis.keys("*") == []
