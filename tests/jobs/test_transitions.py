"""A record's state: what may follow what, who wins a race, and what is recognised as already done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode, TransitionRefused
from jobs.record import (
    ALLOWED_TRANSITIONS,
    FINAL_STATES,
    Failure,
    JobState,
    Progress,
    Quality,
    Result,
    Timings,
)
from jobs.store import JobStore, new_token
from tests.jobs.bringing import bring
from tests.jobs.conftest import NewRecord


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


@pytest.mark.parametrize("origin", sorted(FINAL_STATES))
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
    names = [keys.job(record.id), keys.ACTIVE, keys.events(record.id), "unused", "unused", keys.UPLOADS]
    first = store._transition(keys=names, args=args)
    again = store._transition(keys=names, args=args)
    assert first == again == [b"succeeded", b"done"]


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


def test_failure_is_told_with_its_code(store: JobStore, new_record: NewRecord) -> None:
    store.create(new_record())
    error = Failure(code=FailureCode.DEADLINE_EXCEEDED, detail="too late")
    failed = store.transition("job-00000001", JobState.FAILED, expect={JobState.QUEUED}, error=error)
    assert failed.error == error


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
