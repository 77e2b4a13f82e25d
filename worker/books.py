"""RQ's side of the worker: entries taken off the queue, and RQ's books kept for every execution."""

# mypy: disallow-untyped-calls=False
# RQ's own methods carry no annotations.

from __future__ import annotations

import logging
from collections.abc import Callable
from math import ceil

from redis.exceptions import ConnectionError as RedisConnectionError
from rq import worker_registration
from rq.exceptions import DequeueTimeout, NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.job_lifecycle import format_exc_info
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import BaseWorker, WorkerStatus

from jobs.connect import RedisClient, redis_away, text
from jobs.queue import JobQueue
from jobs.refused_entries import RefusedEntries
from jobs.scripts import Script
from jobs.settings import Settings
from worker.active import ActiveJob
from worker.entries import ENTRY_ID, LARGEST_BYTES, AllowedJob
from worker.errors import RefusedEntry
from worker.metrics import REFUSED, UNKNOWN

logger = logging.getLogger(__name__)

TAKE = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
return redis.call('RPUSH', KEYS[2], ARGV[1])
"""
"""What `LMOVE` does for the first entry, for any one of them."""


class BookkeepingWorker(BaseWorker):
    """A worker to RQ: registered, beating, with several executions at once, each entered and closed by the book.

    Exactly one queue, as only then RQ moves an id atomically into its intermediate list. RQ's own commands (over
    publish/subscribe), its scheduler, its timeouts by signal and its loop are not used.
    """

    job_class = AllowedJob

    def __init__(
        self,
        settings: Settings,
        redis: RedisClient,
        name: str | None = None,
        on_refusal: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.books_ttl_s = 2 * ceil(settings.worker_ttl_s)
        super().__init__(
            [settings.queue_name],
            name=name,
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=self.books_ttl_s,
            default_result_ttl=0,
            log_job_description=False,
        )
        self.log_result_lifespan = False
        self._jobs = JobQueue(redis, settings)
        self._take = Script(redis, TAKE)
        self._refused = RefusedEntries(redis, ttl_s=settings.job_ttl_s)
        self._job_ttl_s = settings.job_ttl_s
        self._on_refusal = on_refusal

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds that RQ waits for the next sign of life of an execution."""
        return self.books_ttl_s

    def next_entry(self, timeout_s: float | None) -> AllowedJob | None:
        """Take the next acceptable entry off the queue, waiting at most `timeout_s` (None: not at all).

        Entries that are not ours are logged, counted, put aside and erased; their jobs, if there are any, are queued
        again by the recovery. One at a time: whoever fills the queue with such shall not keep a drain waiting.
        """
        queue = self.queues[0]
        try:
            found = self.queue_class.lmove(self.connection, queue.key, timeout_s)  # type: ignore[arg-type]  # Redis takes fractions
        except DequeueTimeout:
            return None
        return None if found is None else self._acceptable(found[1])

    def take(self, raw_id: bytes) -> AllowedJob | None:
        """Take an entry off wherever in the queue it is, as `next_entry`; None also if it is not there any more."""
        queue = self.queues[0]
        taken = self._take(keys=[queue.key, queue.intermediate_queue_key], args=[raw_id])
        return self._acceptable(raw_id) if taken else None

    def _acceptable(self, raw_id: bytes) -> AllowedJob | None:
        try:
            if not ENTRY_ID.fullmatch(raw_id):
                raise RefusedEntry("what stands in the queue is no id of a job")
            entry = AllowedJob.fetch(raw_id.decode(), connection=self.connection, serializer=self.serializer)
            return AllowedJob.checked(entry)
        except NoSuchJobError:
            # Not `REFUSED`, which is never by chance: the job may have been deleted just now.
            self.refuse(raw_id, "there is no such entry, or it has expired", UNKNOWN)
        except Exception as error:
            if redis_away(error):
                raise
            self.refuse(raw_id, str(error) or type(error).__name__)
        return None

    def refuse(self, raw_id: bytes, why: str, reason: str = REFUSED) -> None:
        """Count an entry as refused for `reason` (of `worker.metrics`), put aside what can be seen of it, erase it."""
        logger.warning("queue entry refused", extra={"job_id": text(raw_id[:64]), "reason": why})
        self._on_refusal(reason)
        self._refused.put(raw_id, why, self.name, *self._payload(raw_id))
        self._jobs.forget_taken(raw_id)
        if ENTRY_ID.fullmatch(raw_id):
            self._jobs.remove(raw_id.decode())

    def _payload(self, raw_id: bytes) -> tuple[bytes, int]:
        """The beginning of what an entry asks for, and its whole length; nothing where it is no hash."""
        key = Job.key_for("").encode() + raw_id
        if self.connection.type(key) != b"hash":
            return b"", 0
        size = int(self.connection.hstrlen(key, "data"))
        data = self.connection.hget(key, "data") if size <= LARGEST_BYTES else None
        return data if isinstance(data, bytes) else b"", size

    def open(self, entry: AllowedJob) -> Execution:
        """Enter a new execution into RQ's books."""
        known = set(self.executions)
        try:
            execution = self.prepare_execution(entry)
            self.prepare_job_execution(entry, remove_from_intermediate_queue=True)
            self.connection.expire(entry.key, self._job_ttl_s)
        except Exception:
            # Or `beat_books` would keep alive what nobody will ever close.
            for half_open in set(self.executions) - known:
                self.executions.pop(half_open, None)
            raise
        return execution

    def close(self, job: ActiveJob, error: BaseException | None) -> None:
        """Enter that an execution has ended, well or with `error`; whatever RQ makes of it, the record stands."""
        if job.execution is None:
            self._jobs.remove(job.id)
            return
        try:
            self._close(job.entry, job.execution, error)
        except Exception as failed:
            if redis_away(failed):
                raise
            logger.exception("RQ's books about a job could not be closed, erasing them", extra={"job_id": job.id})
            self.executions.pop(job.execution.id, None)
            self._jobs.remove(job.id)

    def _close(self, entry: AllowedJob, execution: Execution, error: BaseException | None) -> None:
        if error is None:
            self._finalize_success(entry, self.queues[0], execution, None)
        else:
            entry.ended_at = now()
            trace = format_exc_info((type(error), error, error.__traceback__))
            self.handle_job_failure(entry, self.queues[0], exc_string=trace, execution=execution)
            if self.connection.zscore(self.queues[0].failed_job_registry.key, entry.id) is None:
                # RQ logs what Redis says to it, and returns as if all were well.
                raise RedisConnectionError("RQ's books about a failed job were not written")

    def drop(self, job: ActiveJob) -> None:
        """Forget an execution; the entry itself belongs to somebody else by now, or goes back to the queue."""
        if job.execution is not None:
            with self.connection.pipeline() as pipeline:
                self.cleanup_execution(job.entry, pipeline, job.execution)
                pipeline.execute()

    def erase(self, job: ActiveJob) -> None:
        """Forget an execution and its entry: a canceled or deleted job, which RQ counts neither as done nor as failed.

        RQ itself counts a job that is stopped as failed, and has no books for one whose cancellation ends its run.
        """
        self.drop(job)
        self._jobs.remove(job.id)

    def beat_books(self) -> None:
        """Prolong the life of this worker and of all its executions in RQ's books."""
        with self.connection.pipeline() as pipeline:
            self.heartbeat(self.books_ttl_s, pipeline=pipeline)
            self.set_state(WorkerStatus.BUSY if self.executions else WorkerStatus.IDLE, pipeline=pipeline)
            for execution in list(self.executions.values()):
                execution.heartbeat(self.queues[0].started_job_registry, self.books_ttl_s, pipeline)
            fields_added = pipeline.execute()[0]
            if fields_added:
                # The hash had expired, as after an outage of Redis.
                pipeline.hset(self.key, mapping=self.serialize())
                pipeline.expire(self.key, self.books_ttl_s)
                worker_registration.register(self, pipeline)
                pipeline.execute()
