"""One Redis and one API process for all contract tests; each test starts with empty books and a live worker."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from jobs.settings import Settings
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
