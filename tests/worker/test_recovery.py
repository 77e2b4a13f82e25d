"""Jobs whose worker or API has died: found, put back, in the end given up."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest
import torch
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError
from rq.job import JobStatus

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode
from jobs.record import JobState
from jobs.settings import Settings
from jobs.workers import WorkerPresence, WorkerRegistry, WorkerState
from tests.worker.conftest import Bench, books
from worker.metrics import WorkerMetrics
from worker.patience import GivenUp, Patience
from worker.recovery import OWN_EVERY, Recovery
from worker.shelf import Shelf


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def recovery(bench: Bench, redis: RedisClient, settings: Settings, patience: Patience) -> Recovery:
    changed = settings.model_copy(update={"recovery_grace_s": 0.0, "recovery_interval_s": 0.001, "worker_ttl_s": 0.4})
    shelf, metrics = Shelf(bench.store, bench.queue, bench.blobs), WorkerMetrics(torch.device("cpu"))
    return Recovery(redis, shelf, patience, changed, metrics)


def sweep(recovery: Recovery, mine: set[str] | None = None) -> None:
    time.sleep(0.01)
    recovery.sweep("me", lambda: mine or set())


def live(redis: RedisClient, name: str) -> None:
    presence = WorkerPresence(
        name=name, state=WorkerState.READY, model="m", native_size_px=128, device="cpu", max_batch=1
    )
    WorkerRegistry(redis).beat(presence, ttl_s=60)


def failed_in_rq(bench: Bench) -> dict[str, str]:
    """What RQ lists as failed, and why; as long as the records say so."""
    rq = bench.queue.rq
    reasons = {}
    for job_id in rq.failed_job_registry.get_job_ids():
        job = rq.fetch_job(job_id)
        result = None if job is None else job.latest_result()
        assert job is not None
        assert result is not None
        assert job.get_status() is JobStatus.FAILED
        for key in (job.key, f"rq:results:{job_id}"):
            assert 0 < bench.redis.ttl(key) <= bench.settings.result_ttl_s
        reasons[job_id] = str(result.exc_string)
    return reasons


def test_job_of_a_dead_worker_is_queued_again_first(bench: Bench, recovery: Recovery, redis: RedisClient) -> None:
    lost = bench.submit()
    other = bench.submit()
    bench.queue.remove(lost)
    bench.store.claim(lost, "dead")
    sweep(recovery)
    record = bench.get(lost)
    assert (record.state, record.attempt, record.worker) == (JobState.QUEUED, 1, None)
    assert bench.queue.rq.get_job_ids() == [lost, other]
    sweep(recovery)
    assert bench.queue.depth() == 2


def test_job_of_a_living_worker_is_left_alone(bench: Bench, recovery: Recovery, redis: RedisClient) -> None:
    job_id = bench.submit()
    bench.store.claim(job_id, "alive")
    live(redis, "alive")
    sweep(recovery)
    assert bench.get(job_id).state is JobState.RUNNING


def test_job_on_which_three_workers_died_fails_as_poison(bench: Bench, recovery: Recovery) -> None:
    job_id = bench.submit()
    for attempt in (1, 2, 3):
        assert bench.store.claim(job_id, f"dead-{attempt}").attempt == attempt
        sweep(recovery)
    record = bench.get(job_id)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code is FailureCode.POISON_JOB
    assert bench.queue.depth() == 0
    assert bench.redis.keys("inlay:blob:*") == []
    assert failed_in_rq(bench) == {job_id: "poison_job: Its worker died 3 times while running it."}


@pytest.mark.parametrize("deaths", [1, 3])
def test_job_whose_worker_died_before_it_could_cancel_it_is_canceled_and_never_run_again(
    bench: Bench, recovery: Recovery, deaths: int
) -> None:
    job_id = bench.submit()
    for attempt in range(1, deaths + 1):
        bench.queue.remove(job_id)
        bench.store.claim(job_id, f"dead-{attempt}")
        if attempt == deaths:
            bench.store.request_cancel(job_id)
        sweep(recovery)
    record = bench.get(job_id)
    assert (record.state, record.attempt, record.error) == (JobState.CANCELED, deaths, None)
    assert (bench.store.active_ids(), bench.redis.keys("inlay:blob:*"), books(bench.redis)) == ([], [], [])


def test_accepted_job_that_never_reached_the_queue_is_queued(bench: Bench, recovery: Recovery) -> None:
    record = bench.record()
    bench.store.create(record)
    sweep(recovery)
    assert bench.queue.depth() == 0, "somebody may be about to do it"
    sweep(recovery)
    assert bench.queue.rq.get_job_ids() == [record.id]


def test_job_lost_between_queue_and_worker_is_queued_again(
    bench: Bench, recovery: Recovery, redis: RedisClient
) -> None:
    job_id = bench.submit()
    redis.lmove(bench.queue.rq.key, bench.queue.rq.intermediate_queue_key)
    redis.rpush(bench.queue.rq.intermediate_queue_key, "nobody-here")
    sweep(recovery)
    assert redis.lrange(bench.queue.rq.intermediate_queue_key, 0, -1) == [job_id.encode()]
    sweep(recovery)
    assert bench.queue.rq.get_job_ids() == [job_id]
    assert redis.llen(bench.queue.rq.intermediate_queue_key) == 0


def test_job_that_ended_just_before_its_worker_died_is_not_counted_as_failed(
    bench: Bench, recovery: Recovery, redis: RedisClient
) -> None:
    """As after kill -9 between the final transition and RQ's books: the execution is open, and nobody prolongs it."""
    ended, running = bench.submit(), bench.submit()
    started, failed = bench.queue.rq.started_job_registry, bench.queue.rq.failed_job_registry
    for job_id in (ended, running):
        redis.lrem(bench.queue.rq.key, 0, job_id)
        redis.hset(f"rq:job:{job_id}", "status", "started")
        redis.zadd(started.key, {f"{job_id}:execution": time.time() - 1})
        redis.hset(f"rq:execution:{job_id}:execution", "id", "execution")
        bench.store.claim(job_id, "alive")
    live(redis, "alive")
    bench.store.transition(ended, JobState.SUCCEEDED, expect={JobState.RUNNING})
    sweep(recovery)
    assert (started.get_job_count(cleanup=False), failed.get_job_count(cleanup=False)) == (0, 0)
    assert redis.keys("rq:job:*") == [f"rq:job:{running}".encode()]
    assert redis.keys("rq:execution:*") == []
    assert bench.get(running).state is JobState.RUNNING


def test_a_failure_leaves_the_queues_list_when_its_time_is_over(
    bench: Bench, recovery: Recovery, redis: RedisClient
) -> None:
    failed = bench.queue.rq.failed_job_registry.key
    redis.zadd(failed, {"of-yesterday": time.time() - 1, "of-today": time.time() + 60})
    sweep(recovery)
    assert redis.zrange(failed, 0, -1) == [b"of-today"]


def test_job_that_waits_too_long_fails_at_its_deadline(bench: Bench, recovery: Recovery) -> None:
    job_id = bench.submit(deadline_s=0.001)
    sweep(recovery)
    error = bench.get(job_id).error
    assert error is not None
    assert error.code is FailureCode.DEADLINE_EXCEEDED
    assert bench.queue.depth() == 0
    assert failed_in_rq(bench) == {job_id: "deadline_exceeded: The job was not started by its deadline."}


def test_job_that_fails_without_an_entry_is_in_no_book_of_rq(bench: Bench, recovery: Recovery) -> None:
    job_id = bench.submit(deadline_s=0.001)
    bench.queue.remove(job_id)
    sweep(recovery)
    assert bench.get(job_id).state is JobState.FAILED
    assert failed_in_rq(bench) == {}
    assert books(bench.redis) == []


def test_worker_takes_back_a_job_that_is_its_own_by_the_record_only(
    bench: Bench, recovery: Recovery, redis: RedisClient
) -> None:
    job_id = bench.submit()
    bench.queue.remove(job_id)
    bench.store.claim(job_id, "me")
    live(redis, "me")
    for _ in range(3):
        sweep(recovery, {job_id})
    assert bench.get(job_id).state is JobState.RUNNING
    sweep(recovery)
    assert bench.get(job_id).state is JobState.RUNNING, "it may be on its way from one list to the other"
    sweep(recovery)
    assert bench.get(job_id).state is JobState.QUEUED
    assert bench.queue.rq.get_job_ids() == [job_id]


def test_worker_that_is_not_let_through_reads_the_active_jobs_in_a_tenth_of_its_sweeps(
    bench: Bench, recovery: Recovery, redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    bench.queue.remove(job_id)
    bench.store.claim(job_id, "me")
    redis.set(keys.RECOVERY_LOCK, "another")
    read, reads = bench.store.active_claims, count()
    monkeypatch.setattr(bench.store, "active_claims", lambda: (next(reads), read())[1])
    for _ in range(2 * OWN_EVERY):
        assert bench.get(job_id).state is JobState.RUNNING
        sweep(recovery)
    assert next(reads) == 2
    assert bench.get(job_id).state is JobState.QUEUED, "it still takes back what is its own by the record only"


def test_expired_record_leaves_the_index(bench: Bench, recovery: Recovery, redis: RedisClient) -> None:
    job_id = bench.submit()
    redis.delete(keys.job(job_id))
    sweep(recovery)
    assert bench.store.active_ids() == []


def test_only_one_worker_sweeps_at_a_time(bench: Bench, recovery: Recovery, redis: RedisClient) -> None:
    job_id = bench.submit()
    bench.store.claim(job_id, "dead")
    redis.set(keys.RECOVERY_LOCK, "another", ex=60)
    sweep(recovery)
    assert bench.get(job_id).state is JobState.RUNNING


def test_workers_get_time_to_show_up_after_an_outage(bench: Bench, recovery: Recovery, patience: Patience) -> None:
    job_id = bench.submit()
    bench.store.claim(job_id, "not back yet")
    patience.gone_at = time.monotonic()
    sweep(recovery)
    assert bench.get(job_id).state is JobState.RUNNING
    time.sleep(1.1)
    sweep(recovery)
    assert bench.get(job_id).state is JobState.QUEUED


def test_patience_goes_on_without_redis_and_insists_until_it_is_back(patience: Patience) -> None:
    failures = iter([RedisConnectionError(), OutOfMemoryError()])

    def flaky() -> str:
        for failure in failures:
            raise failure
        return "done"

    assert patience.attempt(flaky, "without") == "without"
    assert 0 < patience.pause_s() <= 1
    assert patience.attempt(lambda: "not even tried", "without") == "without"
    assert patience.insist(flaky) == "done"
    with pytest.raises(ValueError, match="not about Redis"):
        patience.insist(_raise_value_error)


def _raise_value_error() -> None:
    raise ValueError("not about Redis")


def test_patience_gives_up_when_the_process_ends(patience: Patience) -> None:
    def away() -> None:
        raise RedisConnectionError

    threading.Timer(0.2, patience.end).start()
    with pytest.raises(GivenUp):
        patience.insist(away)
