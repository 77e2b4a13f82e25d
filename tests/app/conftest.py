"""One Redis and one API process for all contract tests; each test starts with empty books and a live worker."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from jobs.settings import Settings
from tests.app.listening import Listener
from tests.app.listening import submit as submit_to_follow
from tests.app.raw_http import SMALL
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def app_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="session")
def api(app_redis: RedisProcess) -> Iterator[ApiProcess]:
    with ApiProcess(redis_url=app_redis.url) as process:
        yield process


@pytest.fixture
def settings(app_redis: RedisProcess) -> Settings:
    return Settings(redis_url=SecretStr(app_redis.url))


@pytest.fixture
def worker(settings: Settings) -> Iterator[StandIn]:
    stand_in = StandIn(settings)
    stand_in.redis.flushall()
    stand_in.appear()
    yield stand_in
    stand_in.close()


@pytest.fixture
def http(api: ApiProcess, worker: StandIn) -> httpx.Client:
    return api.client


@pytest.fixture(scope="package")
def small_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="package")
def small_api(small_redis: RedisProcess) -> Iterator[ApiProcess]:
    """A service with tight limits."""
    with ApiProcess(redis_url=small_redis.url, log_format="json", **SMALL) as process:
        yield process


@pytest.fixture
def near(small_redis: RedisProcess) -> Iterator[StandIn]:
    """The small service's worker, alive; its Redis is empty."""
    stand_in = StandIn(Settings(redis_url=SecretStr(small_redis.url)))
    stand_in.redis.flushall()
    stand_in.appear()
    yield stand_in
    stand_in.close()


@pytest.fixture
def small(small_api: ApiProcess, near: StandIn) -> httpx.Client:
    return small_api.client


@pytest.fixture(scope="package")
def silence() -> Iterator[tuple[Listener, StandIn, str]]:
    """Somebody who follows a job of which nothing is told, on a service of its own, while the other tests run."""
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url) as quiet:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        job = submit_to_follow(quiet.client)
        listener = Listener(quiet, job["links"]["events"])
        listener.hears("event: queued")
        yield listener, worker, job["id"]
        if listener.is_alive():  # its test was not among those that ran
            worker.store.request_cancel(job["id"])
        listener.join(30)
        worker.close()
