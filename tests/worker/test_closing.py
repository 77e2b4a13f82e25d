"""The end of a job that its worker has lost: what it writes is its own, and goes again, whoever was faster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest
import torch
from PIL import Image

from jobs.connect import RedisClient
from jobs.record import JobState
from jobs.settings import Settings
from jobs.tracing import Carrying
from tests.worker.conftest import PATIENCE_S, Bench
from worker.active import ActiveJob
from worker.assignment import Prepared
from worker.books import BookkeepingWorker
from worker.closing import Closing
from worker.metrics import WorkerMetrics
from worker.patience import Patience
from worker.process import Painted, Plan
from worker.reporting import Reporting
from worker.shelf import Shelf

LOST, WON = (255, 0, 0), (0, 255, 0)

End = Callable[[ActiveJob], None]


@pytest.fixture
def end(bench: Bench, settings: Settings, redis: RedisClient) -> End:
    """Let a sampled job succeed, as far as it may."""
    books = BookkeepingWorker(settings, redis)
    reporting = Reporting(WorkerMetrics(torch.device("cpu")), Carrying())
    shelf = Shelf(bench.store, bench.queue, bench.blobs)

    def run(job: ActiveJob) -> None:
        with ThreadPoolExecutor(1) as pool:
            closing = Closing(shelf, books, pool, Patience(), settings, reporting)
            closing.succeed(job)
            assert closing.wait(PATIENCE_S)

    return run


def sampled(bench: Bench, job_id: str, color: tuple[int, int, int]) -> ActiveJob:
    """What a worker that has claimed the job has of it when all its pictures, each of one color, are sampled."""
    preparing: Future[Prepared] = Future()
    preparing.set_result(Prepared(cast("Plan", None), lambda image: Image.new("RGB", (8, 8), color)))
    record = bench.get(job_id)
    painted = Painted(torch.zeros(3, 8, 8), 1, None)
    entry = bench.queue.rq.fetch_job(job_id)
    assert entry is not None
    job = ActiveJob(record, entry, None, preparing)  # type: ignore[arg-type]  # of an execution that was not entered
    job.painted.update(dict.fromkeys(range(job.pictures), painted))
    return job


def both(bench: Bench, *, attempts: int) -> tuple[ActiveJob, ActiveJob]:
    """One job as the worker has it that has lost it, and as the one has it that runs it now."""
    job_id = bench.submit(task="generate", n=2)
    bench.store.claim(job_id, "one")
    loser = sampled(bench, job_id, LOST)
    bench.store.transition(job_id, JobState.QUEUED, expect={JobState.RUNNING}, attempt=attempts - 1)
    bench.store.claim(job_id, "two")
    winner = sampled(bench, job_id, WON)
    assert winner.record.attempt == attempts
    return loser, winner


@pytest.mark.parametrize("attempts", [2, pytest.param(1, id="the claim was lost with Redis's last second")])
@pytest.mark.parametrize("late", [False, True])
def test_superseded_worker_leaves_the_winners_result_alone_and_none_of_its_own(
    bench: Bench, end: End, redis: RedisClient, attempts: int, late: bool
) -> None:
    loser, winner = both(bench, attempts=attempts)
    for job in (winner, loser) if late else (loser, winner):
        end(job)
    record = bench.get(winner.id)
    assert (record.state, record.worker) == (JobState.SUCCEEDED, "two")
    for number in range(2):
        assert bench.result(record, number).getpixel((0, 0)) == WON
    assert set(redis.keys("inlay:blob:*")) == {result.blob.encode() for result in record.results}


@pytest.mark.parametrize("refused", ["canceled", "deleted"])
def test_job_that_may_not_succeed_any_more_leaves_no_result(
    bench: Bench, end: End, redis: RedisClient, refused: str
) -> None:
    job_id = bench.submit(task="generate")
    bench.store.claim(job_id, "one")
    job = sampled(bench, job_id, LOST)
    if refused == "canceled":
        bench.store.request_cancel(job_id)
    else:
        bench.store.delete(job_id)
    end(job)
    assert bench.store.state(job_id) == (JobState.CANCELED if refused == "canceled" else None)
    assert redis.keys("inlay:blob:*") == redis.keys("rq:job:*") == []
