"""Jobs that somebody or something stops: their client, a deadline, the end of a worker, another worker."""

from __future__ import annotations

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode
from jobs.record import JobState
from jobs.workers import WorkerRegistry, WorkerState
from tests.worker.bad_models import Gated
from tests.worker.conftest import LONG, PATIENCE_S, Bench, StartWorker, books, wait_for
from tests.worker.counting import counting
from worker.diffusers_model import DiffusersModel


def test_running_job_is_canceled_within_an_evaluation(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, redis: RedisClient
) -> None:
    """A mark that is set during an evaluation is known at its end, and no other one begins."""
    model, (client, trips) = Gated(tiny_model), counting(bench.settings)
    with start_worker(tiny_model=model, client=client) as worker:
        job_id = bench.submit(**LONG)
        bench.wait_for_step(job_id)
        model.gate.clear()
        assert model.held.wait(PATIENCE_S)
        begun = model.begun
        bench.store.request_cancel(job_id)
        marked = trips["courier"]
        wait_for(lambda: trips["courier"] >= marked + 4)  # the answer to all but the last of them has been read
        model.gate.set()
        canceled = bench.wait(job_id)
        assert model.begun == begun
        assert bench.wait(bench.submit()).state is JobState.SUCCEEDED
        wait_for(lambda: not worker.job_ids())
    assert canceled.state is JobState.CANCELED
    assert canceled.timings is not None
    assert canceled.results == []
    assert books(redis) == []


def test_cancel_of_one_job_costs_those_beside_it_nothing(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker():
        job_id, other = bench.submit(**LONG), bench.submit(steps=40)
        bench.wait_for_step(job_id)
        bench.wait_for_step(other)
        bench.store.request_cancel(job_id)
        assert bench.wait(job_id).state is JobState.CANCELED
        beside = bench.wait(other)
    assert (beside.state, beside.attempt) == (JobState.SUCCEEDED, 1)


def test_queued_job_that_was_canceled_or_deleted_is_never_run(bench: Bench, start_worker: StartWorker) -> None:
    canceled, deleted, twice = bench.submit(), bench.submit(), bench.submit()
    bench.queue.enqueue(twice)
    bench.store.request_cancel(canceled)
    bench.store.delete(deleted)
    with start_worker() as worker:
        assert bench.wait(twice).attempt == 1
        wait_for(lambda: not bench.queue.depth() and not worker.job_ids())
    assert bench.get(canceled).attempt == 0
    assert bench.store.get(deleted) is None
    assert not bench.redis.exists(*bench.get(canceled).inputs.values())


def test_deleted_running_job_stops_and_leaves_nothing(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    with start_worker() as worker:
        job_id = bench.submit(**LONG)
        bench.wait_for_step(job_id)
        bench.store.delete(job_id)
        wait_for(lambda: not worker.job_ids())
    assert redis.keys(f"inlay:job:{job_id}") == []
    assert books(redis) == []


def test_late_jobs_fail_running_or_waiting(bench: Bench, start_worker: StartWorker) -> None:
    waiting = bench.submit(deadline_s=0.01)
    with start_worker():
        assert bench.wait(waiting).error is not None
        running = bench.submit(deadline_s=1.0, n=4, **LONG)
        record = bench.wait(running)
    for failed in (bench.get(waiting), record):
        assert failed.state is JobState.FAILED
        assert failed.error is not None
        assert failed.error.code is FailureCode.DEADLINE_EXCEEDED


def test_drain_finishes_what_fits_and_gives_back_the_rest(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    """A second request ends the grace period, which is long enough for any machine."""
    with start_worker(drain_grace_s=60.0) as worker:
        long, short = bench.submit(**LONG, n=4), bench.submit(steps=10)
        bench.wait(long, lambda record: record.state is JobState.RUNNING)
        bench.wait(short, lambda record: record.state is not JobState.QUEUED)
        worker.request_drain()
        wait_for(lambda: any(one.state is WorkerState.DRAINING for one in WorkerRegistry(redis).alive()))
        late = bench.submit()
        assert bench.wait(short).state is JobState.SUCCEEDED
        worker.request_drain()
        wait_for(lambda: not worker.job_ids())
    assert (bench.get(long).state, bench.get(long).attempt) == (JobState.QUEUED, 0)
    assert (bench.get(late).state, bench.get(late).attempt) == (JobState.QUEUED, 0)
    assert bench.queue.rq.get_job_ids() == [long, late]
    assert WorkerRegistry(redis).alive() == []
    assert redis.keys("rq:execution*") == []
    assert redis.get(keys.worker(worker.name)) is None


def test_job_that_comes_while_an_idle_worker_drains_stays_on_the_queue(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    with start_worker() as worker:
        wait_for(lambda: any(client["cmd"] == "blmove" for client in redis.client_list()))
        worker.request_drain()
        late = bench.submit()
    assert (bench.get(late).state, bench.get(late).attempt) == (JobState.QUEUED, 0)
    assert bench.queue.rq.get_job_ids() == [late]


def test_superseded_worker_drops_the_job_quietly(bench: Bench, start_worker: StartWorker) -> None:
    """As after a long outage: another execution has been given the job meanwhile."""
    bench.redis.set(keys.RECOVERY_LOCK, "test", ex=120)  # else this worker may find the job queued and take it again
    with start_worker() as worker:
        job_id = bench.submit(**LONG)
        record = bench.wait_for_step(job_id)
        bench.store.transition(job_id, JobState.QUEUED, expect={JobState.RUNNING}, expect_attempt=record.attempt)
        bench.store.claim(job_id, "another")
        wait_for(lambda: not worker.job_ids())
    assert (bench.get(job_id).worker, bench.get(job_id).state) == ("another", JobState.RUNNING)
