"""The audit finds what is planted: else a soak without a finding would say nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from jobs import keys
from jobs.connect import RedisClient, connect
from jobs.events import EventLog
from jobs.record import JobRecord, JobState, Result
from jobs.settings import Settings
from jobs.spec import GenerateSpec
from jobs.store import JobStore
from tests.redis_process import RedisProcess
from tests.soak.audit import Audit, memory, takeovers, takeovers_after
from tests.soak.callers import Entry, Ledger
from tests.soak.fleet import Kill, WorkerLife
from tests.soak.orders import order


@pytest.fixture
def settings(redis_server: RedisProcess) -> Settings:
    return Settings(redis_url=SecretStr(redis_server.url))


@pytest.fixture
def redis(settings: Settings) -> Iterator[RedisClient]:
    with connect(settings) as client:
        yield client


@pytest.fixture
def store(redis: RedisClient, settings: Settings) -> JobStore:
    return JobStore(redis, settings)


def accepted(store: JobStore, ledger: Ledger, job_id: str) -> str:
    store.create(JobRecord(id=job_id, spec=GenerateSpec(), seed=1))
    ledger.add(Entry(job_id, order(1, 1)))
    return job_id


def succeed(store: JobStore, redis: RedisClient, job_id: str) -> None:
    store.claim(job_id, "worker")
    blob = keys.blob(job_id, "result-0")
    redis.hset(blob, "data", b"picture")
    redis.expire(blob, 60)
    result = Result(blob=blob, content_type="image/png", width_px=1, height_px=1, bytes=7)
    store.transition(job_id, JobState.SUCCEEDED, expect={JobState.RUNNING}, results=[result])


def test_nothing_is_found_where_all_is_well(store: JobStore, redis: RedisClient, settings: Settings) -> None:
    ledger = Ledger()
    succeed(store, redis, accepted(store, ledger, "succeeded"))
    canceled, deleted = accepted(store, ledger, "canceled"), accepted(store, ledger, "deleted-")
    store.request_cancel(canceled)
    store.delete(deleted)
    ledger.entries[canceled].canceled = ledger.entries[deleted].deleted = True
    audit = Audit(redis, settings, ledger, held=())
    assert audit.everything() == []
    assert audit.states() == {"succeeded": 1, "canceled": 1, "deleted": 1}


def test_everything_that_is_planted_is_found(store: JobStore, redis: RedisClient, settings: Settings) -> None:
    ledger = Ledger()
    lost, waiting, twice, late, stripped = (
        accepted(store, ledger, name) for name in ("lost-one", "waiting-", "twice-ended", "too-late", "stripped")
    )
    store.delete(lost)
    for job_id in (twice, late, stripped):
        succeed(store, redis, job_id)
    redis.xadd(keys.events(twice), {"event": "failed", "data": '{"attempt":1}'})
    ledger.entries[late].canceled = True
    redis.delete(keys.blob(stripped, "result-0"))
    store.create(JobRecord(id="stranger", spec=GenerateSpec(), seed=1))
    redis.set("inlay:for_ever", 1)
    for name in ("nobody-here:result-0", "nobody-here:image"):
        redis.set(f"inlay:blob:{name}", 1, ex=60)
    redis.zadd("rq:wip:inlay", {"too-late:execution": time.time() + 60})
    redis.zadd("rq:executions:too-late", {"execution": time.time() + 60})
    redis.zadd("rq:failed:inlay", {"too-late": time.time() + 60, "for-a-year": time.time() + 365 * 86400})
    found = "\n".join(Audit(redis, settings, ledger, held=()).everything())
    for sentence in (
        f"{lost} is lost",
        f"{waiting} is queued instead of succeeded",
        f"{twice} is succeeded, and its events say ['queued', 'started', 'succeeded', 'failed']",
        f"{late} is succeeded instead of canceled",
        f"result inlay:blob:{stripped}:result-0 is missing",
        "job stranger is none that was accepted",
        "blob inlay:blob:nobody-here:result-0 is left",
        "uploads of 1 unknown jobs are left, after 0 requests sent again",
        "key inlay:for_ever lives for ever",
        "active jobs still has",
        "rq:wip:inlay still has ['too-late",
        "an execution of too-late is left for -1 s",
        "RQ has too-late as failed, which is succeeded",
        "RQ has for-a-year as failed for 31536000 s",
    ):
        assert sentence in found


def test_a_failed_job_may_stand_in_the_books_as_long_as_its_record(
    store: JobStore, redis: RedisClient, settings: Settings
) -> None:
    ledger = Ledger()
    failed = accepted(store, ledger, "failed-1")
    store.claim(failed, "worker")
    store.transition(failed, JobState.FAILED, expect={JobState.RUNNING})
    redis.zadd("rq:failed:inlay", {failed: time.time() + settings.result_ttl_s - 1})
    redis.set(f"rq:job:{failed}", 1, ex=60)
    (found,) = Audit(redis, settings, ledger, held=()).everything()
    assert found.startswith(f"{failed} is failed instead of succeeded"), "and nothing is said of the books"


def test_times_from_a_kill_are_read_from_the_events(store: JobStore, redis: RedisClient) -> None:
    job_id = accepted(store, Ledger(), "taken-over")
    store.claim(job_id, "first")
    time.sleep(0.01)
    kill = Kill(time.time(), "first", frozenset({job_id}))
    time.sleep(0.6)
    store.transition(job_id, JobState.QUEUED, expect={JobState.RUNNING})
    time.sleep(0.2)
    store.claim(job_id, "second")
    events = EventLog(redis)
    figures = takeovers(events, [kill], [])["undisturbed"]
    assert figures["jobs"] == 1
    noticed, taken = figures["until_queued_again"], figures["from_there_until_started"]
    assert 0.55 < noticed["p95_s"] < 10
    assert 0.15 < taken["p95_s"] < 10
    assert figures["p95_s"] == pytest.approx(noticed["p95_s"] + taken["p95_s"], abs=0.01)
    disturbed = takeovers(events, [kill], [kill.at])
    assert (disturbed["with_redis_away"]["jobs"], disturbed["undisturbed"]["jobs"]) == (1, 0)


def test_job_that_ended_after_the_kill_was_not_taken_over(store: JobStore, redis: RedisClient) -> None:
    ended, waiting = accepted(store, Ledger(), "ended-it"), accepted(store, Ledger(), "waits-on")
    for job_id in (ended, waiting):
        store.claim(job_id, "first")
    time.sleep(0.01)
    kill = Kill(time.time(), "first", frozenset({ended, waiting}))
    time.sleep(0.01)
    store.transition(ended, JobState.SUCCEEDED, expect={JobState.RUNNING})
    store.transition(waiting, JobState.QUEUED, expect={JobState.RUNNING})
    assert takeovers_after(EventLog(redis), kill) == {}


def test_growth_of_memory_is_the_slope_of_a_line_after_the_first_third() -> None:
    life = WorkerLife.__new__(WorkerLife)
    life.memory = [(float(second), 2**20 * max(100, second)) for second in range(300)]
    figures = memory(life)
    assert figures["slope_mib_per_hour"] == pytest.approx(3600, rel=1e-3)
    assert figures["growth_mib"] == pytest.approx(199, rel=1e-3)
