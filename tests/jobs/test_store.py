"""Records as they are stored, found, counted and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import JobExists, JobNotFound, RecordUnreadable, TransitionRefused
from jobs.events import EventLog
from jobs.queue import JobQueue
from jobs.record import (
    ActiveClaim,
    JobState,
    Progress,
)
from jobs.settings import Settings
from jobs.store import JobStore, new_token
from tests.jobs.bringing import bring
from tests.jobs.conftest import NewRecord


def test_record_comes_back_as_it_was_stored(store: JobStore, new_record: NewRecord) -> None:
    record = new_record(prompt="a red butterfly – ☂", metadata={"a": "b"}, deadline_s=5)
    store.create(record)
    assert store.get(record.id) == record
    assert store.get_many([record.id, "nobody-here"]) == [record, None]
    assert record.deadline() == record.created_at.timestamp() + 5
    assert new_record().deadline() is None


def test_id_is_taken_once(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    with pytest.raises(JobExists):
        store.create(new_record())


def test_creating_again_after_a_lost_answer_is_no_error(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    store.create(record)
    store.claim(record.id, "worker")
    store.create(record)
    assert store.state(record.id) == JobState.RUNNING


def test_unknown_job_is_told_from_a_refused_change(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        store.transition("nobody-here", JobState.RUNNING, expect={JobState.QUEUED})
    with pytest.raises(JobNotFound):
        store.request_cancel("nobody-here")
    with pytest.raises(JobNotFound):
        store.claim("nobody-here", "w")
    assert store.get("nobody-here") is None
    assert not store.report_progress("nobody-here", Progress(step=1, steps=1), attempt=1)


def test_expired_job_is_told_from_one_that_never_was(
    redis: RedisClient, store: JobStore, new_record: NewRecord
) -> None:
    store.create(new_record())
    assert store.expired("job-00000001") is None
    redis.delete(keys.job("job-00000001"))
    assert store.expired("job-00000001") == "anonymous"
    assert store.expired("nobody-here") is None


def test_deleted_job_leaves_nothing(redis: RedisClient, store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    deleted = store.delete("job-00000001")
    assert deleted is not None
    assert store.delete("job-00000001") is None
    assert store.expired("job-00000001") is None
    assert redis.keys("inlay:*") == []


def test_active_index_is_in_order_of_arrival(store: JobStore, new_record: NewRecord) -> None:
    for number in (3, 1, 2):
        record = new_record(f"job-0000000{number}")
        store.create(record.model_copy(update={"created_at": datetime.fromtimestamp(number, UTC)}))
    assert store.active_ids() == ["job-00000001", "job-00000002", "job-00000003"]


def test_claims_tell_who_runs_what_and_forget_what_has_expired(
    redis: RedisClient, store: JobStore, new_record: NewRecord
) -> None:
    record = new_record("job-00000001", deadline_s=5)
    store.create(record)
    store.create(new_record("job-00000002"))
    store.create(new_record("job-00000003"))
    store.claim("job-00000002", "w")
    redis.delete(keys.job("job-00000003"))
    first, second = store.active_claims()
    created = record.created_at.timestamp()
    assert first == ActiveClaim("job-00000001", JobState.QUEUED, None, 0, created, created + 5, "complete")
    assert (second.state, second.worker, second.attempt, second.deadline) == (JobState.RUNNING, "w", 1, None)
    assert store.active_ids() == ["job-00000001", "job-00000002"]


def test_position_counts_the_jobs_before(store: JobStore, queue: JobQueue, new_record: NewRecord) -> None:
    for number in range(3):
        queue.enqueue(f"job-0000000{number}")
    assert [store.queue_position(f"job-0000000{number}") for number in range(4)] == [0, 1, 2, None]


def test_service_time_is_a_moving_average(store: JobStore) -> None:
    assert store.service_time_s() is None
    store.record_service_time(10.0)
    assert store.service_time_s() == 10.0
    store.record_service_time(20.0)
    assert store.service_time_s() == pytest.approx(12.0)


def test_every_key_but_the_active_index_expires(
    redis: RedisClient, store: JobStore, settings: Settings, new_record: NewRecord
) -> None:
    for number, state in enumerate(JobState):
        bring(store, new_record(f"job-0000000{number}"), state)
    store.record_service_time(1.0)
    store.report_progress("job-00000001", Progress(step=1, steps=2), attempt=0)
    store.request_cancel("job-00000001")
    lives = {key: redis.ttl(key) for key in redis.keys("inlay:*")}
    assert lives.pop(keys.ACTIVE.encode()) == -1
    assert len(lives) == 3 * len(JobState) + 2
    assert min(lives.values()) > 0
    for number, state in enumerate(JobState):
        limit = settings.result_ttl_s if state.final else settings.job_ttl_s
        for key in (keys.job, keys.events):
            assert limit - 5 <= lives[key(f"job-0000000{number}").encode()] <= limit


def test_unreadable_record_can_still_be_moved(
    store: JobStore, redis: RedisClient, new_record: NewRecord, caplog: pytest.LogCaptureFixture
) -> None:
    record = new_record().model_copy(update={"inputs": {"image": "blob"}})
    store.create(record)
    redis.hset(keys.job(record.id), "novel", "1")
    with pytest.raises(RecordUnreadable):
        store.get(record.id)
    assert [claim.id for claim in store.active_claims()] == [record.id]
    assert (store.state(record.id), store.input_blobs(record.id)) == (JobState.QUEUED, ["blob"])
    store.move(record.id, JobState.FAILED, expect={JobState.QUEUED})
    assert store.state(record.id) == JobState.FAILED
    assert (store.state("nobody-here"), store.input_blobs("nobody-here")) == (None, [])
    uncounted = new_record("job-00000003")
    store.create(uncounted)
    redis.hset(keys.job(uncounted.id), "attempt", '"many"')
    assert store.begun(uncounted.id) == 0
    with pytest.raises(RecordUnreadable):
        store.claim(uncounted.id, "worker")
    store.move(uncounted.id, JobState.FAILED, expect={JobState.QUEUED})
    broken = new_record("job-00000002")
    store.create(broken)
    redis.hset(keys.job(broken.id), "spec", "{}")
    assert store.active_claims() == []
    assert "cannot be read" in caplog.text


def test_claim_sent_again_with_its_token_counts_once(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    """A worker that lost the answer has the job all the same, and it has cost one attempt."""
    store.create(new_record())
    token = new_token()
    for _ in range(3):
        claimed = store.claim("job-00000001", "one", token=token)
        assert (claimed.state, claimed.attempt, claimed.worker) == (JobState.RUNNING, 1, "one")
    for other in (new_token(), None):
        with pytest.raises(TransitionRefused):
            store.claim("job-00000001", "one", token=other)
    assert [event.name for event in EventLog(redis).past("job-00000001")] == ["queued", "started"]
