"""Whoever can write to the queue: every tampered entry is refused, counted and put aside, and the worker works on."""

from __future__ import annotations

import json
import pickle
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rq.job import Job

from jobs import keys
from jobs.connect import RedisClient
from jobs.queue import RUN_JOB
from jobs.record import JobState
from jobs.refused_entries import KEPT, SHOWN_BYTES, RefusedEntries
from jobs.settings import Settings
from tests.worker.conftest import Bench, StartWorker, wait_for
from worker.entries import LARGEST_BYTES
from worker.resident import ResidentWorker

ID = "tampered-1"
HUGE_BYTES = 64 * 2**20


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def packed(*parts: object) -> bytes:
    return zlib.compress(json.dumps(parts).encode())


def bomb() -> bytes:
    """Less than an entry may have, which unpacks to a hundred times as much."""
    return zlib.compress(bytes(LARGEST_BYTES * 100), 9)


def lay(bench: Bench, raw_id: str | bytes, **fields: Any) -> None:
    if fields:
        mapping: dict[Any, Any] = {"status": "queued", **fields}
        bench.redis.hset(Job.key_for(ID), mapping=mapping)
    bench.redis.rpush(bench.queue.rq.key, raw_id)


def taken_care_of(bench: Bench, aside: RefusedEntries, number: int) -> bool:
    """Whether so many entries lie aside and the last is erased."""
    return len(aside.all()) == number and not bench.redis.exists(Job.key_for(ID))


def refused(worker: ResidentWorker, reason: str) -> float:
    return worker.metrics.registry.get_sample_value("inlay_worker_rejects_total", {"reason": reason}) or 0.0


@pytest.fixture
def aside(redis: RedisClient, settings: Settings) -> RefusedEntries:
    return RefusedEntries(redis, ttl_s=settings.job_ttl_s)


def test_every_tampered_entry_is_refused_counted_and_put_aside_while_work_goes_on(
    bench: Bench, aside: RefusedEntries, start_worker: StartWorker, tmp_path: Path
) -> None:
    exploit = pickle.dumps(Exploit(tmp_path / "exploded"))
    tampered: list[tuple[str | bytes, dict[str, bytes], str]] = [
        (ID, {"data": packed("os.system", None, ["touch x"], {})}, "something else"),
        (ID, {"data": zlib.compress(exploit), "meta": exploit, "result": exploit}, "no JSON"),
        (ID, {"data": b"x" * (LARGEST_BYTES + 1)}, "too many bytes"),
        (ID, {"data": packed(RUN_JOB, None, [ID], {}), "description": b"x" * LARGEST_BYTES}, "too many bytes"),
        (ID, {"data": bomb()}, "unpacks to too much"),
        (ID, {"data": b"[" * 8000}, "no JSON"),
        (ID, {"data": packed(RUN_JOB, None, [7], {})}, "something else"),
        (ID, {"data": packed(RUN_JOB, None, [ID], {}), **{f"f{n}": b"" for n in range(100)}}, "too many fields"),
        (b"\xff\xfe no text", {}, "no id of a job"),
        ("x" * 100_000, {}, "no id of a job"),
        ("../../etc/passwd", {}, "no id of a job"),
        ("never-heard-of", {}, "no such entry"),
    ]
    with start_worker() as worker:
        for number, (raw_id, fields, _) in enumerate(tampered, start=1):
            lay(bench, raw_id, **fields)
            wait_for(partial(taken_care_of, bench, aside, number))
        assert bench.wait(bench.submit()).state is JobState.SUCCEEDED
        assert refused(worker, "refused") == len(tampered) - 1
        assert refused(worker, "unknown") == 1, "the last one may have been a job that was deleted just then"
    for entry, (_, _, why) in zip(reversed(aside.all()), tampered, strict=True):
        assert why in entry.why
        assert len(entry.entry_id) <= 256
        assert len(entry.payload) <= 4 * SHOWN_BYTES
    assert not (tmp_path / "exploded").exists()
    assert bench.redis.keys("rq:job:*") == []
    assert bench.redis.llen(bench.queue.rq.intermediate_queue_key) == 0


def test_entry_of_a_job_that_nobody_submitted_is_put_aside(
    bench: Bench, aside: RefusedEntries, start_worker: StartWorker
) -> None:
    bench.queue.enqueue("never-submitted")
    with start_worker() as worker:
        wait_for(lambda: refused(worker, "unknown") == 1)
        wait_for(lambda: bool(aside.all()))
    (entry,) = aside.all()
    assert entry.entry_id == "never-submitted"
    assert bench.redis.keys("rq:job:*") == []


def test_a_huge_entry_never_reaches_the_worker(bench: Bench, aside: RefusedEntries, start_worker: StartWorker) -> None:
    with start_worker():
        wait_for(lambda: bool(bench.redis.zcard(keys.WORKERS)))
        lay(bench, ID, data=bytes(HUGE_BYTES))
        wait_for(lambda: bool(aside.all()))
        assert bench.wait(bench.submit()).state is JobState.SUCCEEDED
    (entry,) = aside.all()
    assert entry.payload == ""
    assert entry.payload_bytes == HUGE_BYTES


def test_what_is_put_aside_is_bounded_and_expires(redis: RedisClient, aside: RefusedEntries) -> None:
    for number in range(KEPT + 5):
        aside.put(b"entry-%d" % number, "why", "worker", b"\xff" * (2 * SHOWN_BYTES))
    kept = aside.all()
    assert len(kept) == KEPT
    assert kept[0].entry_id == f"entry-{KEPT + 4}"
    assert kept[0].payload == r"\xff" * SHOWN_BYTES
    assert kept[0].payload_bytes == 2 * SHOWN_BYTES
    assert 0 < redis.ttl(keys.REFUSED_ENTRIES) <= 7 * 86400


def test_bytes_that_are_no_text_do_not_stop_the_recovery_of_others(bench: Bench, start_worker: StartWorker) -> None:
    lost = bench.submit()
    bench.queue.remove(lost)
    bench.store.claim(lost, "dead")
    bench.redis.rpush(bench.queue.rq.intermediate_queue_key, b"\xff\xfe")
    with start_worker():
        assert bench.wait(lost).state is JobState.SUCCEEDED
        wait_for(lambda: bench.redis.llen(bench.queue.rq.intermediate_queue_key) == 0)
