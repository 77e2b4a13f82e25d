"""What must be true when the storm is over: the ledger of what was promised against what Redis holds."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import numpy as np
from rq.executions import ExecutionRegistry

from jobs import keys
from jobs.connect import RedisClient, text
from jobs.events import EventLog
from jobs.queue import JobQueue
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from tests.soak.callers import Entry, Ledger
from tests.soak.fleet import Kill, WorkerLife

RQ_WITHOUT_TTL = {"rq:queues", "rq:workers"}
"""RQ's lists of the names of queues and workers; beside them, for each queue, one of workers, and one of failed jobs.

What is in the last one has an end by its score, and sweeps take it out."""
KNOWN_WITHOUT_TTL = RQ_WITHOUT_TTL | {keys.ACTIVE, keys.DELIVERIES}


class Audit:
    """Each check yields a sentence for everything that is wrong. `held` are jobs whose worker was killed over them."""

    def __init__(self, redis: RedisClient, settings: Settings, ledger: Ledger, held: Collection[str]) -> None:
        self._redis, self._settings, self._ledger, self._held = redis, settings, ledger, held
        self._store, self._queue, self._events = JobStore(redis, settings), JobQueue(redis, settings), EventLog(redis)

    def everything(self) -> list[str]:
        """All that is wrong."""
        entries = self._ledger.entries.values()
        wrong = [sentence for entry in entries for sentence in self._job(entry)]
        return [*wrong, *self._strangers(), *self._lives(), *self._books(), *self._failures()]

    def states(self) -> dict[str, int]:
        """How many jobs ended how; deleted ones are `deleted`."""
        counted: dict[str, int] = {}
        for entry in self._ledger.entries.values():
            state = self._store.state(entry.job_id) or "deleted"
            counted[state] = counted.get(state, 0) + 1
        return counted

    def _job(self, entry: Entry) -> Iterator[str]:
        """An accepted job has ended once, as its caller was told."""
        job_id, record = entry.job_id, self._store.get(entry.job_id)
        if entry.deleted:
            if record is not None:
                yield f"{job_id} was deleted and is {record.state}"
            return
        if record is None:
            yield f"{job_id} is lost"
            return
        expected = JobState.CANCELED if entry.canceled else JobState.SUCCEEDED
        if record.state is not expected:
            yield f"{job_id} is {record.state} instead of {expected}: {record.error}"
        if len(record.results) != (record.spec.n if record.state is JobState.SUCCEEDED else 0):
            yield f"{job_id} is {record.state} with {len(record.results)} results"
        names = [event.name for event in self._events.past(job_id)]
        finals = [event.name for event in self._events.past(job_id) if event.final]
        if finals != [record.state] or names[0] != "queued" or names[-1] != record.state:
            yield f"{job_id} is {record.state}, and its events say {names}"

    def _strangers(self) -> Iterator[str]:
        """No job that nobody was told of, no result without its job, no upload of a job that has ended."""
        kept = {job_id: self._store.get(job_id) for job_id, entry in self._ledger.entries.items() if not entry.deleted}
        known = {result.blob for record in kept.values() if record for result in record.results}
        for raw in self._redis.scan_iter("inlay:job:*"):
            job_id = text(raw).removeprefix(keys.job(""))
            if job_id not in kept:
                yield f"job {job_id} is none that was accepted"
        blobs = {text(raw) for raw in self._redis.scan_iter("inlay:blob:*")}
        for blob in sorted(known - blobs):
            yield f"result {blob} is missing"
        # What is left of these dies of its TTL, which is looked at, too: jobs whose worker was killed over them, and
        # submissions that were refused as Redis went away, so that their uploads could not be taken back.
        refused: set[str] = set()
        for blob in sorted(blobs - known):
            job_id, name = keys.blob_parts(blob)
            if job_id not in self._ledger.entries and not name.startswith("result"):
                refused.add(job_id)
            elif job_id not in self._held:
                yield f"blob {blob} is left"
        if len(refused) > self._ledger.resent:
            yield f"uploads of {len(refused)} unknown jobs are left, after {self._ledger.resent} requests sent again"

    def _lives(self) -> Iterator[str]:
        """Everything dies by itself, but for what `jobs.keys` and RQ name."""
        queue = self._settings.queue_name
        known = KNOWN_WITHOUT_TTL | {f"rq:workers:{queue}", f"rq:failed:{queue}"}
        for raw in self._redis.scan_iter("*"):
            if self._redis.pttl(raw) == -1 and text(raw) not in known:
                yield f"key {text(raw)} lives for ever"

    def _books(self) -> Iterator[str]:
        """RQ's and our own lists are empty; executions are gone, or gone soon if a worker was killed over them."""
        rq = self._queue.rq
        registries = (rq.started_job_registry, rq.finished_job_registry)
        lists = {
            "active jobs": self._store.active_ids(),
            "queue": sorted(self._queue.waiting()),
            "intermediate list": self._redis.lrange(rq.intermediate_queue_key, 0, -1),
            **{registry.key: registry.get_job_ids(cleanup=False) for registry in registries},
        }
        yield from (f"{name} still has {content}" for name, content in lists.items() if content)
        for job_id in {text(raw).split(":")[2] for raw in self._redis.scan_iter("rq:execution*:*")}:
            left_s = self._redis.ttl(ExecutionRegistry(job_id, self._redis).key)
            if job_id not in self._held or left_s > 2 * 60 + 2 * self._settings.worker_ttl_s:
                yield f"an execution of {job_id} is left for {left_s} s"
        failed = self._failed()
        for raw in self._redis.scan_iter("rq:job:*"):
            if text(raw).removeprefix("rq:job:") not in {*self._held, *failed}:
                yield f"entry {text(raw)} is left"

    def _failures(self) -> Iterator[str]:
        """Whom RQ counts as failed has failed, and is counted no longer than its record is kept."""
        longest = time.time() + self._settings.result_ttl_s
        for job_id, until in self._failed().items():
            state = self._store.state(job_id)
            if state != JobState.FAILED:
                yield f"RQ has {job_id} as failed, which is {state}"
            if until > longest:
                yield f"RQ has {job_id} as failed for {until - time.time():.0f} s"

    def _failed(self) -> dict[str, float]:
        """What is in RQ's list of failed jobs, and until which Unix time."""
        listed: Any = self._redis.zrange(self._queue.rq.failed_job_registry.key, 0, -1, withscores=True)
        return {text(raw): float(until) for raw, until in listed}


@dataclass(frozen=True)
class Takeover:
    """Unix times of what became of a job whose worker was killed; Redis's clock is this machine's."""

    killed_at: float
    queued_at: float
    started_at: float


def takeovers(events: EventLog, kills: Sequence[Kill], restarts: Sequence[float]) -> dict[str, Any]:
    """Seconds from a kill to the next start of each job that the worker had, and of these until it was queued again.

    The former is how soon a death is noticed, the rest how soon another worker has room. Those in whose time Redis was
    away are counted by themselves: recovery then waits until living workers have had the time to show up.
    """
    undisturbed: list[Takeover] = []
    disturbed: list[Takeover] = []
    for kill in kills:
        for one in takeovers_after(events, kill).values():
            hit = any(one.killed_at <= restart <= one.started_at for restart in restarts)
            (disturbed if hit else undisturbed).append(one)
    return {"undisturbed": _spans(undisturbed), "with_redis_away": _spans(disturbed)}


def takeovers_after(events: EventLog, kill: Kill) -> dict[str, Takeover]:
    """Of the jobs of a killed worker that began anew; one that had ended but for the books is left out."""
    found: dict[str, Takeover] = {}
    for job_id in kill.held:
        queued_at: float | None = None
        for event in events.past(job_id):
            at = event.id[0] / 1000
            if at <= kill.at:
                continue
            if event.name == "queued":
                queued_at = at
            elif event.name == "started" and queued_at is not None:
                found[job_id] = Takeover(kill.at, queued_at, at)
                break
            elif event.final:
                break
    return found


def starts_after(events: EventLog, kill: Kill) -> dict[str, float]:
    """Unix times at which the jobs of a killed worker began anew."""
    return {job_id: one.started_at for job_id, one in takeovers_after(events, kill).items()}


def _spans(found: Sequence[Takeover]) -> dict[str, Any]:
    return _figures([one.started_at - one.killed_at for one in found]) | {
        "until_queued_again": _figures([one.queued_at - one.killed_at for one in found]),
        "from_there_until_started": _figures([one.started_at - one.queued_at for one in found]),
    }


def _figures(delays_s: list[float]) -> dict[str, float]:
    if not delays_s:
        return {"jobs": 0}
    p95_s = quantiles(delays_s, n=20, method="inclusive")[-1] if len(delays_s) > 1 else delays_s[0]
    figures = {"median_s": median(delays_s), "p95_s": p95_s, "max_s": max(delays_s)}
    return {"jobs": len(delays_s)} | {name: round(value, 3) for name, value in figures.items()}


def memory(life: WorkerLife) -> dict[str, float]:
    """A line fitted to a worker's resident memory, after the first third of its time, in which caches fill."""
    samples = np.array(life.memory[len(life.memory) // 3 :], dtype=float).reshape(-1, 2)
    if len(samples) < 10:
        return {"seconds": 0.0}
    seconds = float(samples[-1, 0] - samples[0, 0])
    slope = float(np.polyfit(samples[:, 0] - samples[0, 0], samples[:, 1], 1)[0])
    return {
        "seconds": round(seconds, 1),
        "first_mib": round(samples[0, 1] / 2**20, 1),
        "last_mib": round(samples[-1, 1] / 2**20, 1),
        "slope_mib_per_hour": round(slope * 3600 / 2**20, 2),
        "growth_mib": round(slope * seconds / 2**20, 2),
    }
