from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from jobs import keys
from jobs.admission import Terms
from jobs.connect import RedisClient
from jobs.queue import JobQueue
from jobs.queue_watch import LOOKED_AT, QueueWatch
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.workers import WorkerPresence, WorkerRegistry, WorkerState
from tests.jobs.conftest import NewRecord
from tests.redis_process import RedisProcess


def test_queue_is_told_by_depth_age_and_workers(
    redis: RedisClient, settings: Settings, store: JobStore, queue: JobQueue, new_record: NewRecord
) -> None:
    now = datetime.now(UTC)
    for number, age_s in ((1, 5), (2, 60), (3, 1)):
        record = new_record(f"job-0000000{number}")
        record = record.model_copy(update={"created_at": now - timedelta(seconds=age_s)})
        store.admission.enter(record, queue, Terms(upload_bytes=1000 * number))
    queue.remove("job-00000003")
    store.claim("job-00000003", "busy")
    presence = WorkerPresence(
        name="busy", state=WorkerState.READY, model="m", native_size_px=128, device="cpu", max_batch=1, running=1
    )
    WorkerRegistry(redis).beat(presence, ttl_s=60)
    figures = QueueWatch(settings).read()
    assert figures is not None
    assert (figures.waiting, figures.unfinished, figures.workers) == (2, 3, (presence,))
    assert figures.upload_bytes == 6000
    assert figures.oldest_age_s == pytest.approx(60, abs=5)
    assert figures.oldest_unfinished_age_s == pytest.approx(60, abs=5)
    assert figures.memory_max_bytes > figures.memory_used_bytes > 0
    assert (figures.webhooks_pending, figures.webhook_age_s) == (0, 0)


def test_webhooks_are_told_by_number_and_age_whenever_they_are_tried_next(
    redis: RedisClient, settings: Settings, store: JobStore, new_record: NewRecord
) -> None:
    old, young = (new_record(f"job-0000000{number}", webhook_url="https://example.com/hook") for number in (1, 2))
    for record in (old, young):
        store.create(record)
        store.request_cancel(record.id)
    store.create(new_record("job-00000003"))
    store.request_cancel("job-00000003")
    redis.hset(keys.delivery(old.id), "made_at", time.time() - 90)
    redis.zadd(keys.DELIVERIES, {old.id: time.time() + 900})
    figures = QueueWatch(settings).read()
    assert figures is not None
    assert figures.webhooks_pending == 2
    assert figures.webhook_age_s == pytest.approx(90, abs=5)
    assert (figures.unfinished, figures.oldest_unfinished_age_s) == (0, 0)


def test_a_long_queue_costs_no_more_than_a_short_one(
    redis: RedisClient, settings: Settings, store: JobStore, queue: JobQueue, new_record: NewRecord
) -> None:
    watch = QueueWatch(settings)

    def commands_of_a_look(jobs: int) -> int:
        for _ in range(jobs):
            redis.rpush(queue.rq.key, "job-00000001")
            redis.zadd(keys.ACTIVE, {f"job-{redis.zcard(keys.ACTIVE)}": 1})
        before = int(redis.info("stats")["total_commands_processed"])
        assert watch._ask() is not None
        return int(redis.info("stats")["total_commands_processed"]) - before

    first = commands_of_a_look(LOOKED_AT)
    assert commands_of_a_look(500) <= first


def test_figures_are_read_once_a_second_at_most(redis: RedisClient, settings: Settings, queue: JobQueue) -> None:
    watch = QueueWatch(settings)
    first = watch.read()
    redis.rpush(queue.rq.key, "job-00000001")
    assert watch.read() is first


def test_without_redis_there_are_no_figures(redis_server: RedisProcess, settings: Settings) -> None:
    redis_server.kill()
    watch = QueueWatch(settings.model_copy(update={"redis_url": Settings(redis_url=redis_server.url).redis_url}))
    assert watch.read() is None
