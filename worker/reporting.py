"""Accounts for a job when it is over: in metrics and in its trace."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from jobs.record import Result
from jobs.tracing import Story, Tracing
from worker.metrics import WorkerMetrics

logger = logging.getLogger(__name__)


class Reporting:
    """Shared by all threads of a worker. Nothing that goes wrong here is worth a job."""

    def __init__(self, metrics: WorkerMetrics, tracing: Tracing) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def ended(self, story: Story) -> None:
        """A job has made its final transition."""
        try:
            self.metrics.ended(story.record.spec.task, story.outcome, story.timings)
            self._tracing.ended(story)
        except Exception:
            logger.exception("a job could not be accounted for")

    def canceled(self, asked_at: datetime | None, ended_at: datetime) -> None:
        """A running job has ended as was asked at a time that an API process has written down."""
        if asked_at is not None:
            self.metrics.canceled_after((ended_at - asked_at).total_seconds())

    def stored(self, results: Sequence[Result]) -> None:
        """The files of a job are stored."""
        self.metrics.stored(sum(result.bytes for result in results))

    def given_back(self) -> None:
        """A job went back to the queue."""
        self.metrics.given_back()
