"""A Redis that is full: seen before it is, and told as what it is when it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from jobs.connect import REDIS_FULL, RedisClient, connect
from jobs.memory import LOOK_AGAIN_S, MemoryGauge
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from jobs.spec import JOB_SPEC
from jobs.store import JobStore
from tests.redis_process import RedisProcess

ROOM_BYTES = 8 * 2**20


@pytest.fixture
def small() -> Iterator[RedisClient]:
    with (
        RedisProcess(max_memory_bytes=ROOM_BYTES) as server,
        connect(Settings(redis_url=SecretStr(server.url))) as client,
    ):
        yield client


def fill(redis: RedisClient, share: float) -> None:
    """Use so much of `maxmemory`, to about a hundredth."""
    redis.config_set("maxmemory", 0)
    redis.setrange("ballast", 2**20, b"!")
    redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / share))


def test_memory_is_short_above_four_fifths(small: RedisClient) -> None:
    assert not MemoryGauge(small).is_short()
    fill(small, 0.75)
    assert not MemoryGauge(small).is_short()
    fill(small, 0.85)
    assert MemoryGauge(small).is_short()
    small.config_set("maxmemory", 0)
    assert not MemoryGauge(small).is_short(), "without a limit there is always room"


def test_gauge_looks_once_a_second(small: RedisClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("jobs.memory.time.monotonic", lambda: now)
    gauge = MemoryGauge(small)
    assert not gauge.is_short()
    fill(small, 0.9)
    assert not gauge.is_short()
    now += LOOK_AGAIN_S
    assert gauge.is_short()


def test_transition_in_a_full_redis_does_nothing_and_says_so(small: RedisClient) -> None:
    store = JobStore(small, Settings())
    record = JobRecord(id="job-00000001", spec=JOB_SPEC.validate_python({"task": "generate"}), seed=1)
    store.create(record)
    fill(small, 1.05)
    with pytest.raises(REDIS_FULL):
        store.claim(record.id, "worker")
    with pytest.raises(REDIS_FULL):
        store.create(record.model_copy(update={"id": "job-00000002"}))
    assert store.active_ids() == [record.id]
    small.delete("ballast")
    small.config_set("maxmemory", 0)
    assert store.claim(record.id, "worker").state is JobState.RUNNING
