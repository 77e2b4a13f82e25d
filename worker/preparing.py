"""Uploads are read and jobs laid out beside the engine, so that the device does not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future

from jobs.logs import job_context
from jobs.record import JobRecord
from worker.assignment import Assignment, Prepared
from worker.patience import Patience
from worker.preparation import prepare


class Preparing:
    """Prepares jobs in the threads of `executor`; `assign` adds to a record all that this takes."""

    def __init__(self, assign: Callable[[JobRecord], Assignment], executor: Executor, patience: Patience) -> None:
        self._assign = assign
        self._executor = executor
        self._patience = patience

    def begin(self, record: JobRecord) -> Future[Prepared]:
        """Begin with a job; what `prepare` raises comes with the result, and `GivenUp` if the process ends first."""

        def prepared() -> Prepared:
            with job_context(record):
                return self._patience.insist(lambda: prepare(self._assign(record)))

        return self._executor.submit(prepared)
