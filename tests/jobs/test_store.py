from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode, JobExists, JobNotFound, RecordUnreadable, TransitionRefused
from jobs.queue import JobQueue
from jobs.record import (
    ALLOWED_TRANSITIONS,
    FINAL_STATES,
    ActiveClaim,
    Failure,
    JobRecord,
    JobState,
    Progress,
    Quality,
    Result,
    Timings,
)
from jobs.settings import Settings
from jobs.store import JobStore, new_token
from tests.jobs.conftest import NewRecord

PATHS: dict[JobState, tuple[JobState, ...]] = {
    JobState.QUEUED: (),
    JobState.RUNNING: (JobState.RUNNING,),
    JobState.SUCCEEDED: (JobState.RUNNING, JobState.SUCCEEDED),
    JobState.FAILED: (JobState.FAILED,),
    JobState.CANCELED: (JobState.CANCELED,),
}


def bring(store: JobStore, record: JobRecord, state: JobState) -> None:
    store.create(record)
    for to in PATHS[state]:
        store.transition(record.id, to, expect=[origin for origin in JobState if to in ALLOWED_TRANSITIONS[origin]])


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


@pytest.mark.parametrize("to", JobState)
@pytest.mark.parametrize("origin", JobState)
def test_only_transitions_in_the_table_happen(
    store: JobStore, new_record: NewRecord, origin: JobState, to: JobState
) -> None:
    record = new_record()
    bring(store, record, origin)
    if to in ALLOWED_TRANSITIONS[origin]:
        changed = store.transition(record.id, to, expect={origin})
        assert changed.state is to
        assert changed == store.get(record.id)
        assert (changed.finished_at is not None) == to.final
    else:
        with pytest.raises(ValueError, match="may not become"):
            store.transition(record.id, to, expect={origin})
        found = store.get(record.id)
        assert found is not None
        assert found.state is origin


@pytest.mark.parametrize("origin", FINAL_STATES)
def test_final_state_is_never_overwritten(store: JobStore, new_record: NewRecord, origin: JobState) -> None:
    record = new_record()
    bring(store, record, origin)
    for to in FINAL_STATES:
        with pytest.raises(TransitionRefused) as refused:
            store.transition(record.id, to, expect={JobState.RUNNING})
        assert (refused.value.state, refused.value.reason) == (origin, "state")
    assert store.active_ids() == []


def test_changes_are_stored_with_the_state(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    bring(store, record, JobState.RUNNING)
    result = Result(blob="b", content_type="image/png", width_px=2, height_px=3, bytes=4)
    done = store.transition(
        record.id,
        JobState.SUCCEEDED,
        expect={JobState.RUNNING},
        results=[result],
        timings=Timings(queue_s=0.5, run_s=1.5, nfe=220),
        quality=Quality(known_region_max_abs_diff=0, residual=0.1),
    )
    assert done.results == [result]
    assert done.timings == Timings(queue_s=0.5, run_s=1.5, nfe=220)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.started_at <= done.finished_at


def test_hundred_racing_transitions_have_one_winner(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    bring(store, record, JobState.RUNNING)
    gate = threading.Barrier(10)

    def race(number: int) -> str:
        if number < 10:
            gate.wait()
        to = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)[number % 3]
        try:
            return str(store.transition(record.id, to, expect={JobState.RUNNING}).state)
        except TransitionRefused:
            return ""

    with ThreadPoolExecutor(10) as pool:
        winners = [state for state in pool.map(race, range(100)) if state]
    found = store.get(record.id)
    assert found is not None
    assert winners == [found.state]


def test_racing_claims_have_one_winner(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())

    def claim(name: str) -> bool:
        try:
            return store.claim("job-00000001", name).worker == name
        except TransitionRefused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, [f"w{i}" for i in range(32)])) == 1
    found = store.get("job-00000001")
    assert found is not None
    assert found.attempt == 1


def test_superseded_attempt_can_neither_finish_nor_report(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    store.create(record)
    store.claim(record.id, "first")
    store.transition(record.id, JobState.QUEUED, expect={JobState.RUNNING})
    assert store.claim(record.id, "second").attempt == 2
    with pytest.raises(TransitionRefused) as refused:
        store.transition(record.id, JobState.SUCCEEDED, expect={JobState.RUNNING}, expect_attempt=1)
    assert refused.value.reason == "attempt"
    assert not store.report_progress(record.id, Progress(step=1, steps=2), attempt=1)
    assert store.report_progress(record.id, Progress(step=2, steps=2, eta_s=0), attempt=2)
    found = store.get(record.id)
    assert found is not None
    assert found.progress == Progress(step=2, steps=2, eta_s=0)


def test_repeated_transition_is_recognised(redis: RedisClient, store: JobStore, new_record: NewRecord) -> None:
    """A client that lost the answer sends the same script again; the token makes that harmless."""
    record = new_record()
    bring(store, record, JobState.RUNNING)
    args: list[str | int] = [record.id, "succeeded", "one-token", "running", "", 60, 1, ""]
    names = [keys.job(record.id), keys.ACTIVE, keys.events(record.id)]
    first = store._transition(keys=names, args=args)
    again = store._transition(keys=names, args=args)
    assert first == again == [b"succeeded", b"done"]


def test_queued_job_is_canceled_at_once(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    canceled = store.request_cancel("job-00000001")
    assert canceled.state is JobState.CANCELED
    assert canceled.finished_at is not None
    assert store.active_ids() == []
    assert store.request_cancel("job-00000001").state is JobState.CANCELED


def test_running_job_is_marked_and_cannot_succeed_any_more(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    bring(store, record, JobState.RUNNING)
    other = new_record("job-00000002")
    bring(store, other, JobState.RUNNING)
    assert store.request_cancel(record.id).cancel_requested
    assert store.cancel_requested([record.id, other.id, "job-deleted"]) == {record.id, "job-deleted"}
    with pytest.raises(TransitionRefused) as refused:
        store.transition(record.id, JobState.SUCCEEDED, expect={JobState.RUNNING})
    assert refused.value.reason == "cancel_requested"
    assert store.transition(record.id, JobState.CANCELED, expect={JobState.RUNNING}).state is JobState.CANCELED


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_finished_job_cannot_be_canceled(store: JobStore, new_record: NewRecord, state: JobState) -> None:
    bring(store, new_record(), state)
    with pytest.raises(TransitionRefused):
        store.request_cancel("job-00000001")


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


def test_failure_is_told_with_its_code(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    error = Failure(code=FailureCode.DEADLINE_EXCEEDED, detail="too late")
    failed = store.transition("job-00000001", JobState.FAILED, expect={JobState.QUEUED}, error=error)
    assert failed.error == error


def test_creating_again_after_a_lost_answer_is_no_error(store: JobStore, new_record: NewRecord) -> None:
    record = new_record()
    store.create(record)
    store.claim(record.id, "worker")
    store.create(record)
    assert store.state(record.id) == JobState.RUNNING


def test_transition_sent_again_with_its_token_has_been_done(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    store.claim("job-00000001", "one")
    token = new_token()
    for _ in range(2):
        store.move("job-00000001", JobState.QUEUED, expect={JobState.RUNNING}, attempt=0, token=token)
    with pytest.raises(TransitionRefused):
        store.move("job-00000001", JobState.QUEUED, expect={JobState.RUNNING}, attempt=0, token=new_token())


def test_equal_attempt_of_another_worker_is_another_execution(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    store.claim("job-00000001", "one")
    store.transition("job-00000001", JobState.QUEUED, expect={JobState.RUNNING}, attempt=0)
    store.claim("job-00000001", "two")
    assert not store.report_progress("job-00000001", Progress(step=1, steps=2), attempt=1, worker="one")
    assert store.report_progress("job-00000001", Progress(step=1, steps=2), attempt=1, worker="two")
    with pytest.raises(TransitionRefused, match="worker"):
        store.move("job-00000001", JobState.SUCCEEDED, expect={JobState.RUNNING}, expect_attempt=1, expect_worker="one")


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
    broken = new_record("job-00000002")
    store.create(broken)
    redis.hset(keys.job(broken.id), "spec", "{}")
    assert store.active_claims() == []
    assert "cannot be read" in caplog.text
