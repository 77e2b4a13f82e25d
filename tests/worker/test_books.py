"""RQ's books about executions: kept for each, closed by the book, and true whatever becomes of Redis or of the job."""

# mypy: disallow-untyped-calls=False
# RQ's own methods carry no annotations.

from __future__ import annotations

import logging
from concurrent.futures import Future

import pytest
from redis.exceptions import RedisError
from rq.job import Job

from jobs.connect import RedisClient, redis_away
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.spec import GenerateSpec
from worker.active import ActiveJob
from worker.books import BookkeepingWorker
from worker.entries import AllowedJob

ID = "job-00000001"


def active(entry: AllowedJob, worker: BookkeepingWorker) -> ActiveJob:
    record = JobRecord(id=entry.id, spec=GenerateSpec(), seed=1)
    return ActiveJob(record, entry, worker.open(entry), Future())


def test_books_are_kept_for_each_execution(worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient) -> None:
    worker.register_birth()
    jobs = []
    for number in range(3):
        queue.enqueue(f"job-0000000{number}")
        entry = worker.next_entry(None)
        assert entry is not None
        jobs.append(active(entry, worker))
    assert len(worker.executions) == 3
    assert len(redis.zrange(queue.rq.started_job_registry.key, 0, -1)) == 3
    assert all(redis.ttl(key) > 0 for key in redis.keys("rq:job:*") + redis.keys("rq:execution*"))
    worker.beat_books()
    worker.close(jobs[0], None)
    worker.close(jobs[1], ValueError("broken"))
    worker.drop(jobs[2])
    assert worker.executions == {}
    assert redis.keys("rq:execution*") == []
    assert redis.zrange(queue.rq.started_job_registry.key, 0, -1) == []
    assert redis.zrange(queue.rq.failed_job_registry.key, 0, -1) == [b"job-00000001"]


def test_job_that_is_erased_is_counted_neither_as_done_nor_as_failed(
    worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient
) -> None:
    worker.register_birth()
    queue.enqueue(ID)
    entry = worker.next_entry(None)
    assert entry is not None
    job = active(entry, worker)
    for _ in range(2):
        worker.erase(job)
    assert worker.executions == {}
    assert redis.keys("rq:execution*") == redis.keys("rq:job:*") == []
    assert redis.hmget(worker.key, "successful_job_count", "failed_job_count") == [None, None]


def test_failure_that_redis_did_not_take_is_told_and_can_be_entered_again(
    worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient, caplog: pytest.LogCaptureFixture
) -> None:
    """RQ logs such an error and returns; the job would be missing among the failed ones for ever."""
    caplog.set_level(logging.CRITICAL)
    worker.register_birth()
    queue.enqueue(ID)
    entry = worker.next_entry(None)
    assert entry is not None
    job = active(entry, worker)
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError) as full:
            worker.close(job, ValueError("broken"))
    finally:
        redis.config_set("maxmemory", 0)
    assert redis_away(full.value)
    worker.close(job, ValueError("broken"))
    assert redis.zrange(queue.rq.failed_job_registry.key, 0, -1) == [ID.encode()]
    assert redis.hget(worker.key, "failed_job_count") == b"1"
    assert redis.keys("rq:execution*") == []


def test_books_that_are_gone_do_no_harm(worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient) -> None:
    worker.register_birth()
    queue.enqueue(ID)
    entry = worker.next_entry(None)
    assert entry is not None
    job = active(entry, worker)
    redis.delete(Job.key_for(ID))
    worker.close(job, None)
    assert worker.executions == {}
    assert redis.keys("rq:execution*") == []
    job.execution = None
    worker.close(job, None)
    worker.drop(job)


def test_worker_whose_hash_expired_registers_again(worker: BookkeepingWorker, redis: RedisClient) -> None:
    worker.register_birth()
    redis.flushall()
    worker.beat_books()
    assert redis.smembers("rq:workers") == {worker.key.encode()}
    assert redis.hget(worker.key, "pid") is not None
    assert 0 < redis.ttl(worker.key) <= worker.books_ttl_s
