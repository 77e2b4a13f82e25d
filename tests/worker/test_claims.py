"""A claim whose answer is lost: the job is taken all the same, and has cost one attempt."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.record import JobRecord, JobState
from jobs.store import JobStore
from tests.worker.conftest import Bench, StartWorker, wait_for


class Deaf(JobStore):
    """Loses the answers to the first claims."""

    lost = 0

    def claim(self, job_id: str, worker: str, *, token: str | None = None) -> JobRecord:
        record = super().claim(job_id, worker, token=token)
        self.lost += 1
        if self.lost <= 2:
            raise RedisConnectionError
        return record


@pytest.mark.parametrize("running", [False, True])
def test_claim_whose_answer_is_lost_costs_one_attempt(bench: Bench, start_worker: StartWorker, running: bool) -> None:
    with start_worker() as worker:
        if running:
            first = bench.submit(steps=100)
            bench.wait_for_step(first)
        object.__setattr__(worker._shelf, "store", Deaf(worker.connection, bench.settings))
        record = bench.wait(bench.submit())
        wait_for(lambda: not worker.job_ids())
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
