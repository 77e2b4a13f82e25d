"""How long to wait for a job, and what its end means. No input or output here."""

from __future__ import annotations

import time

import httpx

from inlay.calls import retry_after_s
from inlay.errors import JobCanceled, JobFailed, WaitTimeout
from inlay.models import Job

LONG_POLL_S = 20.0
SHORTEST_POLL_S = 0.1
USUAL_POLL_S = 1.0


class Patience:
    """Waits for one job's end by questions that the service may hold; for ever, or for `timeout_s` seconds."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._started = self._asked = time.monotonic()

    def hold_s(self) -> float:
        """How long the service may hold the question that is asked now."""
        self._asked = time.monotonic()
        return min(LONG_POLL_S, max(0.0, self._left_s()))

    def pause_s(self, job: Job, response: httpx.Response) -> float:
        """Seconds until the next question, none if the service held this one. Raises `WaitTimeout`."""
        now = time.monotonic()
        if self._timeout_s is not None and now - self._started >= self._timeout_s:
            raise WaitTimeout(job, self._timeout_s)
        if now - self._asked >= SHORTEST_POLL_S:
            return 0.0
        return min(poll_pause_s(response), max(SHORTEST_POLL_S, self._left_s()))

    def _left_s(self) -> float:
        return LONG_POLL_S if self._timeout_s is None else self._timeout_s - (time.monotonic() - self._started)


def poll_pause_s(response: httpx.Response) -> float:
    """Seconds until the next question, as the service asks."""
    asked_s = retry_after_s(response)
    return max(SHORTEST_POLL_S, USUAL_POLL_S if asked_s is None else asked_s)


def ended_well(job: Job) -> Job:
    """The final job itself if it succeeded. Raises `JobFailed` or `JobCanceled`."""
    if job.state == "failed":
        raise JobFailed(job)
    if job.state == "canceled":
        raise JobCanceled(job)
    return job
