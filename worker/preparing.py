"""Uploads are read and jobs laid out beside the engine, so that the device does not wait for them."""

from __future__ import annotations

from concurrent.futures import Executor, Future

from jobs.logs import job_context
from jobs.record import JobRecord
from sampler.constraints.style import Features
from worker.assignment import Assignment, Prepared
from worker.diffusers_model import DiffusersModel
from worker.patience import Patience
from worker.preparation import prepare
from worker.shelf import Shelf


class Preparing:
    """Prepares jobs for `model` in the threads of `executor`; pictures beyond `max_pixels` are not decoded."""

    def __init__(
        self,
        shelf: Shelf,
        model: DiffusersModel,
        features: Features | None,
        executor: Executor,
        patience: Patience,
        max_pixels: int,
    ) -> None:
        self._shelf = shelf
        self._model = model
        self._features = features
        self._executor = executor
        self._patience = patience
        self._max_pixels = max_pixels

    def begin(self, record: JobRecord) -> Future[Prepared]:
        """Begin with a job; what `prepare` raises comes with the result, and `GivenUp` if the process ends first."""

        def prepared() -> Prepared:
            with job_context(record):
                assignment = Assignment(record, self._shelf.blobs, self._model, self._features, self._max_pixels)
                return self._patience.insist(lambda: prepare(assignment))

        return self._executor.submit(prepared)
