from __future__ import annotations

import time

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.blobs import RedisBlobStore
from jobs.connect import RedisClient
from jobs.errors import BlobMissing
from jobs.queue import RUN_JOB, JobQueue
from jobs.workers import WorkerPresence, WorkerRegistry, WorkerState


def presence(name: str, state: WorkerState = WorkerState.READY) -> WorkerPresence:
    return WorkerPresence(name=name, state=state, model="m", native_size_px=128, device="cpu", max_batch=8)


def test_entry_names_one_function_and_carries_one_id(redis: RedisClient, queue: JobQueue) -> None:
    queue.enqueue("job-00000001")
    entry = Job.fetch("job-00000001", connection=redis, serializer=JSONSerializer)
    assert entry.func_name == RUN_JOB
    assert list(entry.args) == ["job-00000001"]
    assert entry.kwargs == {}
    assert redis.ttl(entry.key) > 0


def test_queue_is_first_in_first_out_and_requeued_jobs_go_first(queue: JobQueue) -> None:
    for job_id in ("a", "b", "c"):
        queue.enqueue(job_id)
    queue.requeue("c")
    assert queue.rq.get_job_ids() == ["c", "a", "b"]
    assert (queue.depth(), queue.waiting()) == (3, {"a", "b", "c"})


def test_removed_job_leaves_nothing_in_the_books(redis: RedisClient, queue: JobQueue) -> None:
    queue.enqueue("job-00000001")
    redis.lpush(queue.rq.intermediate_queue_key, "job-00000001")
    redis.zadd(queue.rq.started_job_registry.key, {"job-00000001:execution": 1, "job-00000002:execution": 1})
    redis.hset("rq:execution:job-00000001:execution", "id", "x")
    queue.remove("job-00000001")
    queue.remove("nobody-here")
    assert sorted(redis.keys("*")) == [b"rq:queues", queue.rq.started_job_registry.key.encode()]
    assert redis.zrange(queue.rq.started_job_registry.key, 0, -1) == [b"job-00000002:execution"]


def test_blob_comes_back_with_its_type_until_deleted(redis: RedisClient, blobs: RedisBlobStore) -> None:
    blobs.put("k", b"\x00\xff", "image/png", ttl_s=60)
    blob = blobs.get("k")
    assert (blob.data, blob.content_type) == (b"\x00\xff", "image/png")
    assert 0 < redis.ttl("k") <= 60
    blobs.delete(["k", "missing"])
    blobs.delete([])
    with pytest.raises(BlobMissing):
        blobs.get("k")


def test_workers_are_listed_while_they_beat(redis: RedisClient) -> None:
    registry = WorkerRegistry(redis)
    assert registry.alive() == []
    assert registry.last_seen() is None
    registry.beat(presence("short"), ttl_s=0.05)
    registry.beat(presence("long"), ttl_s=60)
    registry.beat(presence("draining", WorkerState.DRAINING), ttl_s=60)
    time.sleep(0.1)
    assert [worker.name for worker in registry.alive()] == ["draining", "long"]
    assert [worker.name for worker in registry.ready()] == ["long"]
    assert all(redis.ttl(key) > 0 for key in redis.keys("inlay:*"))
    registry.leave("long")
    assert [worker.name for worker in registry.alive()] == ["draining"]
    registry.leave("draining")
    assert registry.last_seen() == pytest.approx(time.time(), abs=5)
