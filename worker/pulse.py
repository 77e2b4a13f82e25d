"""A worker's signs of life: given only while its engine makes progress, so that a hang is noticed like a death."""

from __future__ import annotations

import faulthandler
import logging
import os
from collections.abc import Callable
from typing import NoReturn

from jobs.settings import Settings
from jobs.workers import WorkerPresence, WorkerRegistry, WorkerState
from worker.books import BookkeepingWorker
from worker.health import HealthFile
from worker.metering import MeteredEvaluator
from worker.patience import Patience

logger = logging.getLogger(__name__)

WARM_UP_S = 900.0
"""First calls may compile for minutes; a warm-up that takes longer hangs."""

HANG_FACTOR = 10.0
"""How much slower than all before a call may be without counting as hung."""

EXIT_HUNG = 70


class Pulse:
    """Beats for the worker of `books`, with what `tell` says of it; `on_hang` is called when the engine hangs."""

    def __init__(
        self,
        books: BookkeepingWorker,
        meter: MeteredEvaluator,
        patience: Patience,
        settings: Settings,
        tell: Callable[[], WorkerPresence],
        on_hang: Callable[[], None],
    ) -> None:
        self._books = books
        self._meter = meter
        self._patience = patience
        self._settings = settings
        self._tell = tell
        self._on_hang = on_hang
        self._registry = WorkerRegistry(books.connection)
        self._file = HealthFile(settings.health_file)

    def beat(self) -> None:
        """Give a sign of life, unless the engine has made no progress for too long."""
        presence = self._tell()
        if self._meter.idle_for_s() > self._longest_s(presence.state):
            logger.critical("the engine hangs", extra={"worker": presence.name, "idle_s": self._meter.idle_for_s()})
            self._on_hang()
            return
        # First: a worker lives whether or not Redis does, and waiting for it takes seconds.
        self._file.write(presence.state.value, presence.running)
        self._patience.attempt(lambda: self._beat(presence), None)

    def leave(self) -> None:
        """Withdraw from the list of workers, if Redis is there."""
        self._file.remove()
        self._patience.attempt(lambda: self._registry.leave(self._books.name), None)

    def _beat(self, presence: WorkerPresence) -> None:
        self._registry.beat(presence, ttl_s=self._settings.worker_ttl_s)
        self._books.beat_books()

    def _longest_s(self, state: WorkerState) -> float:
        """How long the engine may take for a call."""
        if state is WorkerState.STARTING:
            return max(self._settings.stall_timeout_s, WARM_UP_S)
        return max(self._settings.stall_timeout_s, HANG_FACTOR * self._meter.longest_s)


def die() -> NoReturn:
    """End the process from any thread, telling where every thread was; the supervisor starts a new one."""
    faulthandler.dump_traceback()
    os._exit(EXIT_HUNG)
