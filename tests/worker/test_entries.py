"""What anyone with access to Redis could put on the queue, and what comes of it: nothing."""

# mypy: disallow-untyped-calls=False
# RQ's own methods carry no annotations.

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.connect import RedisClient
from jobs.queue import RUN_JOB, JobQueue
from worker.books import BookkeepingWorker
from worker.entries import AllowedJob
from worker.errors import RefusedEntry

ID = "job-00000001"


def tampered(redis: RedisClient, queue: JobQueue, **fields: bytes | str | int) -> None:
    queue.enqueue(ID)
    redis.hset(Job.key_for(ID), mapping=dict(fields.items()))


def payload(*parts: object) -> bytes:
    return zlib.compress(json.dumps(parts).encode())


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_our_own_entry_is_taken(worker: BookkeepingWorker, queue: JobQueue) -> None:
    queue.enqueue(ID)
    entry = worker.next_entry(None)
    assert entry is not None
    assert entry.id == ID
    assert worker.next_entry(None) is None
    assert worker.next_entry(0.01) is None


@pytest.mark.parametrize(
    "data",
    [
        payload("os.system", None, ["touch /tmp/x"], {}),
        payload(RUN_JOB, None, ["job-00000002"], {}),
        payload(RUN_JOB, None, [ID, "more"], {}),
        payload(RUN_JOB, None, [ID], {"context": 1}),
        payload(RUN_JOB, "builtins.str", [ID], {}),
        payload("worker.process.Plan", None, [ID], {}),
        payload(RUN_JOB, None, {ID: 1}, {}),
        payload(RUN_JOB, None, [[ID]], {}),
        payload(RUN_JOB, None, 7, None),
        payload(7, None, [ID], {}),
        payload("too", "short"),
        zlib.compress(payload(RUN_JOB, None, [ID], {})),
        b"[" * 8000,
        b"neither zlib nor json",
        b"",
    ],
)
def test_tampered_entry_is_refused_and_erased(
    worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient, data: bytes
) -> None:
    tampered(redis, queue, data=data)
    assert worker.next_entry(None) is None
    assert redis.keys("rq:job:*") == []
    assert redis.llen(queue.rq.intermediate_queue_key) == 0


def test_pickle_is_never_loaded(worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient, tmp_path: Path) -> None:
    bomb = pickle.dumps(Exploit(tmp_path / "exploded"))
    tampered(redis, queue, data=zlib.compress(bomb), meta=bomb, result=bomb)
    assert worker.next_entry(None) is None
    assert not (tmp_path / "exploded").exists()


def test_unreadable_hash_is_erased(worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient) -> None:
    tampered(redis, queue, created_at=b"\xff no date", status="no status")
    assert worker.next_entry(None) is None
    assert redis.keys("rq:job:*") == []


def test_entry_without_hash_is_refused_and_forgotten(
    worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient
) -> None:
    redis.rpush(queue.rq.key, "nobody-here")
    queue.enqueue(ID)
    assert worker.next_entry(None) is None
    assert redis.llen(queue.rq.intermediate_queue_key) == 0
    entry = worker.next_entry(None)
    assert entry is not None
    assert entry.id == ID


def test_callbacks_webhooks_and_retries_are_left_out(
    worker: BookkeepingWorker, queue: JobQueue, redis: RedisClient
) -> None:
    webhooks = json.dumps([{"url": "http://169.254.169.254/", "events": ["finished"]}])
    tampered(
        redis,
        queue,
        success_callback_name="os.abort",
        failure_callback_name="os.abort",
        stopped_callback_name="os.abort",
        webhooks=webhooks,
        retries_left=5,
        rate_limit_key="k",
        rate_limit_concurrency=1,
    )
    entry = worker.next_entry(None)
    assert entry is not None
    assert (entry.success_callback, entry.failure_callback, entry.stopped_callback) == (None, None, None)
    assert entry.webhooks == []
    assert not entry.should_retry
    assert not entry.has_rate_limit


def test_entry_is_never_called(redis: RedisClient, queue: JobQueue) -> None:
    queue.enqueue(ID)
    entry = AllowedJob.fetch(ID, connection=redis, serializer=JSONSerializer)
    assert entry.func is None
    with pytest.raises(RefusedEntry):
        entry.perform()
