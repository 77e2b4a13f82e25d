"""The bound on bytes of pictures: counted when a job enters, released when it ends, never exceeded."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.admission import Claim, Terms
from jobs.connect import RedisClient, connect
from jobs.errors import SubmissionRepeated, UploadsTooLarge
from jobs.queue import JobQueue
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.uploads import Held, Uploads
from tests.jobs.conftest import NewRecord
from tests.redis_process import RedisProcess

ID = "job-{:08}".format
LARGE = 2**33
UNBOUNDED = 2**50


def bounded(server: RedisProcess, max_queue_bytes: int) -> Settings:
    return Settings(redis_url=SecretStr(server.url), max_queue_bytes=max_queue_bytes)


@pytest.fixture
def settings(server: RedisProcess) -> Settings:
    return bounded(server, UNBOUNDED)


@pytest.fixture
def uploads(redis: RedisClient) -> Uploads:
    return Uploads(redis)


@pytest.fixture
def running(store: JobStore, queue: JobQueue, uploads: Uploads, new_record: NewRecord) -> str:
    """A large job that a worker has begun, beside a small one that waits."""
    store.admission.enter(new_record(ID(0)), queue, Terms(upload_bytes=100))
    store.admission.enter(new_record(ID(1)), queue, Terms(upload_bytes=LARGE))
    store.claim(ID(1), "worker")
    assert uploads.held(UNBOUNDED) == Held(LARGE + 100, 2), "a running job still needs its pictures"
    return ID(1)


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED])
def test_bytes_are_released_once_when_a_job_ends(
    store: JobStore, uploads: Uploads, running: str, end: JobState
) -> None:
    for _ in range(2):
        store.move(running, end, expect={JobState.RUNNING}, token="sent twice")
        assert uploads.held(UNBOUNDED) == Held(100, 1)


@pytest.mark.parametrize("told", [True, False])
def test_bytes_of_a_deleted_job_are_released_once(store: JobStore, uploads: Uploads, running: str, told: bool) -> None:
    for _ in range(2):
        store.delete(running, told=told)
        assert uploads.held(UNBOUNDED) == Held(100, 1)


def test_bytes_of_a_waiting_job_are_released_when_it_is_canceled_and_nothing_is_left(
    redis: RedisClient, store: JobStore, uploads: Uploads, running: str
) -> None:
    for _ in range(2):
        store.request_cancel(ID(0))
        assert uploads.held(UNBOUNDED) == Held(LARGE, 1)
    store.request_cancel(running)
    assert uploads.held(UNBOUNDED) == Held(LARGE, 1), "its worker has not stopped yet"
    store.move(running, JobState.CANCELED, expect={JobState.RUNNING})
    assert uploads.held(UNBOUNDED) == Held(0, 0)
    assert not redis.exists(keys.UPLOADS)


def test_bytes_of_a_job_whose_worker_died_are_held_until_another_ends_it(
    store: JobStore, queue: JobQueue, uploads: Uploads, running: str
) -> None:
    store.move(running, JobState.QUEUED, expect={JobState.RUNNING})
    queue.requeue(running)
    assert uploads.held(UNBOUNDED) == Held(LARGE + 100, 2)
    store.claim(running, "another")
    store.move(running, JobState.SUCCEEDED, expect={JobState.RUNNING})
    assert uploads.held(UNBOUNDED) == Held(100, 1)


def test_job_that_ended_without_a_word_makes_room_when_it_is_needed(
    redis: RedisClient, store: JobStore, queue: JobQueue, uploads: Uploads, new_record: NewRecord
) -> None:
    """Expired, or ended by a worker of a version that does not count."""
    half = UNBOUNDED // 2
    for number in (0, 1, 2):
        store.admission.enter(new_record(ID(number)), queue, Terms(upload_bytes=half // 2))
    redis.delete(keys.job(ID(0)))
    redis.hset(keys.job(ID(1)), "state", '"succeeded"')
    assert uploads.held(UNBOUNDED).jobs == 3
    store.admission.enter(new_record(ID(3)), queue, Terms(upload_bytes=half))
    assert uploads.held(UNBOUNDED) == Held(half // 2 + half, 2)
    redis.delete(keys.job(ID(3)))
    deadline = time.monotonic() + 10
    while uploads.held(half) != Held(half // 2, 1):
        assert time.monotonic() < deadline, "nobody looks again"
        time.sleep(0.1)


def test_bytes_are_forgotten_with_the_last_unfinished_job_that_nobody_ends(
    redis: RedisClient, running: str, settings: Settings
) -> None:
    assert settings.job_ttl_s - 60 < redis.ttl(keys.UPLOADS) <= settings.job_ttl_s


def test_submission_that_is_repeated_counts_once(
    store: JobStore, queue: JobQueue, uploads: Uploads, new_record: NewRecord
) -> None:
    terms = Terms(Claim("key", "print"), upload_bytes=10)
    record = new_record(ID(0))
    for _ in range(2):  # as after a lost answer
        store.admission.enter(record, queue, terms)
    with pytest.raises(SubmissionRepeated):
        store.admission.enter(new_record(ID(1)), queue, terms)
    assert uploads.held(UNBOUNDED) == Held(10, 1)


def test_bound_is_reached_and_never_exceeded_by_many_processes_at_once(
    server: RedisProcess, redis: RedisClient, new_record: NewRecord
) -> None:
    """Each thread has a client and a store of its own, as each API process has; half of the jobs end meanwhile."""
    settings, numbers = bounded(server, 100), count()

    def enter(_: int) -> tuple[int, int]:
        refused, most = 0, 0
        with connect(settings) as client:
            store, queue, uploads = JobStore(client, settings), JobQueue(client, settings), Uploads(client)
            for _ in range(20):
                record = new_record(ID(next(numbers)))
                try:
                    store.admission.enter(record, queue, Terms(upload_bytes=15))
                except UploadsTooLarge as full:
                    refused, most = refused + 1, max(most, full.held.bytes)
                else:
                    most = max(most, uploads.held(UNBOUNDED).bytes)
                    if int(record.id.removeprefix("job-")) % 2:
                        store.request_cancel(record.id)
        return refused, most

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(enter, range(4)))
    assert sum(refused for refused, _ in seen) > 0
    assert max(most for _, most in seen) == 90
    assert Uploads(redis).held(UNBOUNDED) == Held(15 * redis.zcard(keys.ACTIVE), redis.zcard(keys.ACTIVE))


def test_pictures_larger_than_the_bound_come_in_alone_and_jobs_without_any_always(
    server: RedisProcess, redis: RedisClient, uploads: Uploads, new_record: NewRecord
) -> None:
    settings = bounded(server, 100)
    store, queue = JobStore(redis, settings), JobQueue(redis, settings)
    store.admission.enter(new_record(ID(0)), queue, Terms(upload_bytes=1000))
    with pytest.raises(UploadsTooLarge) as full:
        store.admission.enter(new_record(ID(1)), queue, Terms(upload_bytes=1))
    assert full.value.held == Held(1000, 1)
    store.admission.enter(new_record(ID(2)), queue)
    assert uploads.held(UNBOUNDED) == Held(1000, 1)


def test_without_a_bound_all_are_taken_and_counted(
    server: RedisProcess, redis: RedisClient, uploads: Uploads, new_record: NewRecord
) -> None:
    settings = bounded(server, 0)
    store, queue = JobStore(redis, settings), JobQueue(redis, settings)
    for number in (0, 1):
        store.admission.enter(new_record(ID(number)), queue, Terms(upload_bytes=LARGE))
    assert uploads.held(UNBOUNDED) == Held(2 * LARGE, 2)
