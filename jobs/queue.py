"""The queue: RQ carries job ids from the API to the workers, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis.client import Pipeline
from rq import Queue
from rq.executions import ExecutionRegistry
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.connect import RedisClient, text
from jobs.scripts import Script
from jobs.settings import Settings
from jobs.turns import Turn, Turns

RUN_JOB = "worker.process.run_job"
"""The only function that a queue entry may name. Workers refuse any other."""

PUT_BACK = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then redis.call('LPUSH', KEYS[2], ARGV[1]) end
"""


class JobQueue:
    """Ids of jobs that wait, in order. What is true about a job stands in its record, not here."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self.rq = Queue(settings.queue_name, connection=redis, serializer=JSONSerializer, default_timeout=-1)
        self._put_back = Script(redis, PUT_BACK)
        self.turns = Turns(redis, self.rq.key, ttl_s=settings.job_ttl_s)

    def enqueue(self, job_id: str, turn: Turn | None = None, *, at_front: bool = False) -> None:
        """Put a job on the queue, to its place if there is a `turn`, else to an end.

        RQ's timeout is off, deadlines are checked between evaluations.
        """
        self._put(job_id, at_front=at_front)
        if turn is not None:  # a process that dies here leaves the job at the end, where it is served all the same
            self.turns.place(job_id, turn)

    def entry(self, job_id: str) -> list[list[Any]]:
        """The commands with which RQ puts a job at the end of the queue, unsent: a script does them with all else."""
        with self._redis.pipeline() as pipe:
            self._put(job_id, pipeline=pipe)
            return [list(command) for command, _ in pipe.command_stack]

    def _put(self, job_id: str, *, at_front: bool = False, pipeline: Pipeline | None = None) -> None:
        self.rq.enqueue(
            RUN_JOB,
            job_id,
            job_id=job_id,
            at_front=at_front,
            ttl=self._settings.job_ttl_s,
            result_ttl=0,
            failure_ttl=self._settings.result_ttl_s,
            pipeline=pipeline,
        )

    def taken(self, job_id: str) -> None:
        """A job has been claimed: the turns of those that wait go on from here."""
        self.turns.taken(job_id)

    def put_back(self, job_id: str) -> None:
        """Return an id that has just been taken to the front, unless it is not being taken any more."""
        self._put_back(keys=[self.rq.intermediate_queue_key, self.rq.key], args=[job_id])

    def requeue(self, job_id: str) -> None:
        """Put a job that lost its worker to the front, and forget what RQ knew of it."""
        self.remove(job_id)
        self.enqueue(job_id, at_front=True)

    def depth(self) -> int:
        """Number of jobs that wait."""
        return int(self._redis.llen(self.rq.key))

    def waiting(self) -> set[str]:
        """Ids of the jobs that wait."""
        return {text(raw) for raw in self._redis.lrange(self.rq.key, 0, -1)}

    def clear_intermediate(self, keep: Callable[[str], bool]) -> None:
        """Forget ids that a worker was taking off the queue when it died, but for those that `keep` wants."""
        for raw in self._redis.lrange(self.rq.intermediate_queue_key, 0, -1):
            if not keep(text(raw)):
                self.forget_taken(raw)

    def forget_taken(self, job_id: str | bytes) -> None:
        """Take one id off RQ's list of ids that are being taken; the entry was refused."""
        self._redis.lrem(self.rq.intermediate_queue_key, 1, job_id)  # type: ignore[arg-type]  # bytes are as good

    def clear_started(self, ended: Callable[[str], bool]) -> None:
        """Forget executions that nobody prolongs any more, and the whole of their jobs if those have `ended`.

        A worker that dies between a job's end and RQ's books about it leaves such a one. RQ would enter the job as
        failed and keep it so, whatever became of it.
        """
        started = self.rq.started_job_registry.key
        for entry in map(text, self._redis.zrangebyscore(started, "-inf", time.time())):
            job_id = entry.partition(":")[0]
            if ended(job_id):
                self.remove(job_id)
            else:
                self._forget_execution(started, entry)

    def _forget_execution(self, started: str, entry: str) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(started, entry)
            pipe.delete(f"rq:execution:{entry}")
            pipe.execute()

    def remove(self, job_id: str) -> None:
        """Erase a job from all of RQ's books: queue, intermediate list, executions, registries, its hash.

        RQ's own `Job.delete` fails when an execution of a dead worker has expired, hence the keys by name.
        """
        started = self.rq.started_job_registry.key
        entries = [text(raw) for raw in self._redis.zrange(started, 0, -1)]
        executions = [entry for entry in entries if entry.partition(":")[0] == job_id]
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.lrem(self.rq.key, 0, job_id)
            pipe.lrem(self.rq.intermediate_queue_key, 0, job_id)
            self.turns.forget(pipe, job_id)
            for entry in executions:
                pipe.zrem(started, entry)
                pipe.delete(f"rq:execution:{entry}")
            pipe.zrem(self.rq.failed_job_registry.key, job_id)
            pipe.delete(
                Job.key_for(job_id),
                Job.dependents_key_for(job_id),
                ExecutionRegistry(job_id, self._redis).key,
                f"rq:results:{job_id}",
            )
            pipe.execute()
