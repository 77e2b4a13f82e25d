"""A store, a queue and blobs on a real Redis server, emptied before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from jobs.blobs import RedisBlobStore
from jobs.connect import RedisClient, connect
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.settings import Settings
from jobs.spec import JOB_SPEC
from jobs.store import JobStore
from tests.redis_process import RedisProcess

NewRecord = Callable[..., JobRecord]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


@pytest.fixture
def settings(server: RedisProcess) -> Settings:
    return Settings(redis_url=SecretStr(server.url))


@pytest.fixture
def redis(settings: Settings) -> Iterator[RedisClient]:
    client = connect(settings)
    client.flushall()
    with client:
        yield client


@pytest.fixture
def store(redis: RedisClient, settings: Settings) -> JobStore:
    return JobStore(redis, settings)


@pytest.fixture
def queue(redis: RedisClient, settings: Settings) -> JobQueue:
    return JobQueue(redis, settings)


@pytest.fixture
def blobs(redis: RedisClient) -> RedisBlobStore:
    return RedisBlobStore(redis)


@pytest.fixture
def new_record() -> NewRecord:
    def make(job_id: str = "job-00000001", **spec: object) -> JobRecord:
        return JobRecord(id=job_id, spec=JOB_SPEC.validate_python({"task": "complete", **spec}), seed=7)

    return make
