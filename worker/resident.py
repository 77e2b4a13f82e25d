"""The resident worker: the model stays in this one process, which never forks, and samples many jobs at once."""

# mypy: disallow-untyped-calls=False
# RQ's own methods carry no annotations.

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import torch

from jobs.blobs import open_blobs
from jobs.connect import RedisClient
from jobs.events import EventLog
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.settings import Settings
from jobs.spec import TASKS
from jobs.store import JobStore
from jobs.tracing import Carrying, Tracing
from jobs.workers import WorkerPresence, WorkerState
from sampler.constraints.style import Features
from sampler.engine import Engine
from worker.announcer import Announcer
from worker.assignment import Assignment
from worker.books import BookkeepingWorker
from worker.closing import Closing
from worker.company import Company
from worker.courier import Courier
from worker.diffusers_model import DiffusersModel
from worker.drain import Drain
from worker.intake import Intake
from worker.metering import MeteredEvaluator
from worker.metrics import WorkerMetrics
from worker.patience import Patience
from worker.periodic import Periodic
from worker.preparing import Preparing
from worker.previews import fit_colors
from worker.process import Painted
from worker.pulse import Pulse, die
from worker.recovery import Recovery
from worker.reporting import Reporting
from worker.runner import Runner
from worker.shelf import Shelf
from worker.side_threads import side_pool
from worker.warm_up import batch_sizes, warm_up

logger = logging.getLogger(__name__)

CLOSING_S = 10.0
PREPARED_WAIT_S, IDLE_WAIT_S = 0.02, 0.25
"""An engine with nothing to evaluate is woken by jobs; so often it looks for cancels, and for a request to drain."""
MEMORY_SHORT_S = 60.0
"""After a call that did not fit into memory."""
EXIT_OK, EXIT_FAILED = 0, 1


class ResidentWorker(BookkeepingWorker):
    """Takes jobs while there is room in the batch, runs them through one engine, and ends each by the book.

    Threads: the caller's runs the engine and never waits for Redis meanwhile; one takes jobs, one writes progress and
    reads who shall stop, one tells it to followers, one beats, one recovers; `finishing_threads` read uploads and write
    results. `features` see styles; without them the task `style` is not offered.
    Numbers go to `metrics`, spans to `tracing`. `on_hang` is called when the engine has made no progress for
    `stall_timeout_s`; it should end the process, as nothing else can free a hung device.
    """

    def __init__(
        self,
        settings: Settings,
        redis: RedisClient,
        model: DiffusersModel,
        *,
        features: Features | None = None,
        name: str | None = None,
        on_hang: Callable[[], None] | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.metrics = WorkerMetrics(model.device)
        super().__init__(settings, redis, name, on_refusal=self.metrics.rejected)
        self._settings = settings
        self._model = model
        self._features = features
        self._meter = MeteredEvaluator(model)
        self.metrics.watch_engine(self._meter.idle_for_s)
        self._patience = Patience()
        self._shelf = Shelf(JobStore(redis, settings), JobQueue(redis, settings), open_blobs(settings, redis))
        self._engine_threads = torch.get_num_threads()
        self._pool = side_pool(settings.finishing_threads)
        reporting = Reporting(self.metrics, tracing or Carrying())
        self._closing = Closing(self._shelf, self, self._pool, self._patience, settings, reporting)
        sizes = batch_sizes(settings.max_batch, fixed=settings.compile or model.device.type != "cpu")
        self._engine: Engine[Painted] = Engine(self._meter, sizes, self.metrics)
        self._announcer = Announcer(EventLog(redis), self._patience, settings.progress_interval_s)
        self._courier = Courier(redis, self._patience, self._announcer)
        self._runner = Runner(self._engine, self._closing, self._courier)
        self._recovery = Recovery(redis, self._shelf, self._patience, settings, self.metrics)
        preparing = Preparing(self._assign, self._pool, self._patience)
        self._company = Company(
            self._runner,
            self._closing,
            max_attempts=settings.max_attempts,
            max_pictures=settings.max_batch,
            memory_short=lambda: time.monotonic() - self.metrics.out_of_memory_at < MEMORY_SHORT_S,
        )
        self._intake = Intake(self, self._shelf, self._company, self._patience, self.metrics, preparing.begin)
        self._pulse = Pulse(self, self._meter, self._patience, settings, self.presence, on_hang or die)
        self._phase = WorkerState.STARTING
        self._heartbeat = Periodic("heartbeat", settings.heartbeat_interval_s, self.beat)
        self._drain = Drain(self._runner, settings.drain_grace_s)

    def request_drain(self) -> None:
        """Take no more jobs, finish what fits into the grace period, give back the rest, return from `serve`.

        A second request ends the grace period. Safe in a signal handler.
        """
        self._drain.request()
        self._intake.close()

    def serve(self) -> int:
        """Warm up, then work until drained; returns the exit status of the process."""
        torch.set_num_threads(self._engine_threads)
        self._patience.insist(self._enter)
        recovery = Periodic(
            "recovery", self._settings.recovery_interval_s, lambda: self._recovery.sweep(self.name, self.job_ids)
        )
        status = EXIT_OK
        for thread in (self._heartbeat, self._announcer, self._courier):
            thread.start()
        try:
            self._engine.batch_sizes = sizes = warm_up(self._model, self._meter, self._engine.batch_sizes)
            self._announcer.colors = fit_colors(self._model, self._meter)
            self._meter.forget()
            self._phase = WorkerState.READY
            self.beat()
            recovery.start()
            self._intake.start()
            logger.info("ready", extra={"worker": self.name, "model": self._model.name, "rows": sizes.network[-1]})
            # In this order: a job is here before its intake ends.
            while self._intake.is_alive() or not self._drain.over:
                self._turn()
        except Exception:
            logger.exception("the worker cannot go on; its jobs go to others")
            self._end_intake()
            self._runner.give_back(counted=True)
            status = EXIT_FAILED
        finally:
            recovery.stop()
            self._leave()
        return status

    def job_ids(self) -> set[str]:
        """Ids of all jobs that this worker is claiming, runs or ends."""
        claiming = self._intake.claiming
        return ({claiming} if claiming else set()) | self._company.ids

    def presence(self) -> WorkerPresence:
        """What this worker tells about itself."""
        return WorkerPresence(
            name=self.name,
            state=self._phase,
            model=self._model.name,
            native_size_px=self._model.native_size_px,
            tasks=[task for task in TASKS if task != "style" or self._features is not None],
            device=str(self._model.device),
            max_batch=self._settings.max_batch,
            batch_rows=self._engine.batch_sizes.network[-1],
            running=len(self.job_ids()),
            calls=self._meter.calls,
            evaluations=self._meter.evaluations,
            largest_batch=self._meter.largest_batch,
        )

    def beat(self) -> None:
        """Give a sign of life, unless the engine has made no progress for too long."""
        self._pulse.beat()

    def _enter(self) -> None:
        """Register with RQ, which takes an entry of ours whose answer was lost for somebody else's."""
        self.connection.delete(self.key)
        self.register_birth()

    def _assign(self, record: JobRecord) -> Assignment:
        max_pixels = self._settings.max_pixels
        return Assignment(record, self._shelf.blobs, self._model, self._features, max_pixels, self._meter.beside)

    def _turn(self) -> None:
        self._meter.tick()
        if self._intake.failed is not None:
            raise self._intake.failed
        if self._drain.requested:
            if self._phase is WorkerState.READY:
                self._phase = WorkerState.DRAINING
                self._heartbeat.hurry()
                logger.info("draining", extra={"worker": self.name, "grace_s": round(self._drain.left_s, 1)})
            self._drain.give_back()
        self._runner.turn()
        if not self._runner.sampling:
            self._runner.wait(PREPARED_WAIT_S if self._runner.ids else IDLE_WAIT_S)

    def _end_intake(self) -> None:
        self._intake.close()
        if self._intake.is_alive():
            self._intake.join()

    def _leave(self) -> None:
        """Let the results be written, then withdraw from all lists."""
        self._meter.tick()
        if not self._closing.wait(CLOSING_S):
            logger.warning("results could not be written in time", extra={"jobs": len(self._closing.jobs)})
        self._patience.end()
        self._meter.tick()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for thread in (self._courier, self._announcer, self._heartbeat):
            thread.stop()
        self._pulse.leave()
        self._patience.attempt(self.register_death, None)
        logger.info("gone", extra={"worker": self.name})
