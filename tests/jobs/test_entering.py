"""The one atomic step that makes a submission a job on the queue: RQ's books, the order, the bounds, no remains."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs import keys
from jobs.admission import Claim, Standing, Terms
from jobs.connect import REDIS_FULL, RedisClient, connect
from jobs.errors import QueueTooLong, SubmissionRepeated, TooManyActiveJobs, UploadsTooLarge
from jobs.queue import RUN_JOB, JobQueue
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.uploads import Held, Uploads
from tests.jobs.bringing import bring
from tests.jobs.conftest import NewRecord
from tests.redis_process import RedisProcess

ID = "job-{:08}".format
VARIES = {b"created_at", b"enqueued_at"}


def test_rq_finds_in_its_books_what_it_would_have_written(
    redis: RedisClient, store: JobStore, queue: JobQueue, new_record: NewRecord, settings: Settings
) -> None:
    record = new_record()
    assert store.admission.enter(record, queue) == Standing(ahead=0, run_s=None)
    ours, life_s = redis.hgetall(Job.key_for(record.id)), redis.ttl(Job.key_for(record.id))
    assert queue.rq.get_job_ids() == [record.id]
    assert [one.name for one in Queue.all(connection=redis)] == [settings.queue_name]
    fetched = Job.fetch(record.id, connection=redis, serializer=JSONSerializer)
    assert (fetched.func_name, fetched.args, fetched.get_status().value) == (RUN_JOB, [record.id], "queued")
    queue.remove(record.id)
    queue.enqueue(record.id)
    theirs = redis.hgetall(Job.key_for(record.id))
    assert {name: ours[name] for name in ours.keys() - VARIES} == {
        name: theirs[name] for name in theirs.keys() - VARIES
    }
    assert abs(redis.ttl(Job.key_for(record.id)) - life_s) <= 60


def test_a_job_enters_at_its_place_and_is_told_it(
    store: JobStore, queue: JobQueue, new_record: NewRecord, redis: RedisClient
) -> None:
    store.record_service_time(2.5)
    for number in range(70):
        store.admission.enter(new_record(ID(number)).model_copy(update={"caller": "crowd"}), queue)
    lone = new_record("lone-job").model_copy(update={"caller": "lone"})
    urgent = new_record("urgent-job", priority="high").model_copy(update={"caller": "crowd"})
    assert store.admission.enter(lone, queue) == Standing(1, 2.5)
    assert store.admission.enter(urgent, queue) == Standing(0, 2.5)
    order = queue.rq.get_job_ids()
    assert [order.index("urgent-job"), order.index("lone-job")] == [0, 1]
    assert len(order) == len(set(order)) == 72


def test_sent_again_it_has_been_done_and_the_job_is_queued_once(
    redis: RedisClient, store: JobStore, queue: JobQueue, new_record: NewRecord
) -> None:
    """The client of Redis repeats a script whose answer was lost."""
    terms = Terms(Claim("key", "print"), upload_bytes=10)
    store.admission.enter(new_record(ID(0)), queue)
    record = new_record(ID(1))
    first = store.admission.enter(record, queue, terms)
    assert store.admission.enter(record, queue, terms) == first == Standing(1, None)
    assert queue.rq.get_job_ids() == [ID(0), ID(1)]
    assert Uploads(redis).held(1000) == Held(10, 1)
    queue.remove(record.id)
    assert store.admission.enter(record, queue, terms).ahead is None, "taken already"


def small(server: RedisProcess, **bounds: int) -> Settings:
    return Settings(redis_url=SecretStr(server.url), **bounds)  # type: ignore[arg-type]  # all of them are whole numbers


def test_bound_on_waiting_jobs_holds_for_many_processes_at_once(
    server: RedisProcess, redis: RedisClient, new_record: NewRecord
) -> None:
    """Each thread has a client of its own, as each API process has."""
    settings = small(server, max_queue_depth=7)

    def enter(worker: int) -> list[int]:
        with connect(settings) as client:
            store, queue = JobStore(client, settings), JobQueue(client, settings)
            refused = []
            for number in range(8):
                try:
                    store.admission.enter(new_record(ID(worker * 100 + number)), queue)
                except QueueTooLong as full:
                    refused.append(full.waiting)
            return refused

    with ThreadPoolExecutor(6) as pool:
        waiting = [seen for refused in pool.map(enter, range(6)) for seen in refused]
    assert waiting == [7] * 41
    assert (redis.llen("rq:queue:inlay"), redis.zcard(keys.ACTIVE)) == (7, 7)


def test_who_is_refused_leaves_nothing(server: RedisProcess, redis: RedisClient, new_record: NewRecord) -> None:
    settings = small(server, max_queue_depth=2, max_queue_bytes=100)
    store, queue = JobStore(redis, settings), JobQueue(redis, settings)
    terms = Terms(Claim("key", "print"), max_active=2, upload_bytes=90)
    store.admission.enter(new_record(ID(0)), queue, terms)
    before = set(redis.keys("*"))
    with pytest.raises(UploadsTooLarge) as full:
        store.admission.enter(new_record(ID(1)), queue, Terms(upload_bytes=11))
    assert full.value.held == Held(90, 1)
    with pytest.raises(SubmissionRepeated):
        store.admission.enter(new_record(ID(1)), queue, terms)
    with pytest.raises(TooManyActiveJobs):
        store.admission.enter(new_record(ID(1)), queue, Terms(max_active=1))
    assert (set(redis.keys("*")), queue.rq.get_job_ids()) == (before, [ID(0)])
    assert Uploads(redis).held(1000) == Held(90, 1)
    store.admission.enter(new_record(ID(2)), queue, Terms(upload_bytes=10))
    with pytest.raises(QueueTooLong):
        store.admission.enter(new_record(ID(3)), queue)


def test_full_redis_takes_nothing_of_a_job(
    redis: RedisClient, store: JobStore, queue: JobQueue, new_record: NewRecord
) -> None:
    store.admission.enter(new_record(ID(0)), queue, Terms(upload_bytes=7))
    before, order = set(redis.keys("*")), queue.rq.get_job_ids()
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(REDIS_FULL):
            store.admission.enter(new_record(ID(1)), queue, Terms(upload_bytes=5))
        with pytest.raises(REDIS_FULL):
            store.admission.enter(new_record(ID(2)), queue)
    finally:
        redis.config_set("maxmemory", 0)
    assert (set(redis.keys("*")), queue.rq.get_job_ids()) == (before, order)
    assert Uploads(redis).held(1000) == Held(7, 1)


def test_a_record_without_a_place_on_the_queue_needs_no_room(
    server: RedisProcess, redis: RedisClient, new_record: NewRecord
) -> None:
    settings = small(server, max_queue_depth=1)
    store, queue = JobStore(redis, settings), JobQueue(redis, settings)
    store.admission.enter(new_record(ID(0)), queue)
    bring(store, new_record(ID(1)), JobState.RUNNING)
    assert json.loads(redis.hget(keys.job(ID(1)), "state") or b"") == "running"
