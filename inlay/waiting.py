"""How long to wait for a job, and what its end means. No input or output here."""

from __future__ import annotations

import math
import time

import httpx

from inlay.calls import retry_after_s
from inlay.errors import JobCanceled, JobFailed, WaitTimeout
from inlay.models import Job

LONG_POLL_S = 20.0
SHORTEST_HOLD_S = 1.0
SHORTEST_POLL_S = 0.1
USUAL_POLL_S = 1.0


class Patience:
    """Waits for one job's end by questions that the service may hold; for ever, or for `timeout_s` seconds.

    `answer_timeout_s` is how long the client waits for an answer: none is held until then.
    """

    def __init__(self, timeout_s: float | None, answer_timeout_s: float = math.inf) -> None:
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        # A third is left for the way. Whole seconds, as `Prefer` has them: nothing is rounded up.
        self._longest_hold_s = math.floor(min(LONG_POLL_S, answer_timeout_s * 2 / 3))
        self._started = self._asked = time.monotonic()
        self._holding = False

    def hold_s(self) -> float:
        """How long the service may hold the question that is asked now."""
        self._asked = time.monotonic()
        hold_s = min(self._longest_hold_s, max(0.0, self.left_s()))
        self._holding = hold_s >= SHORTEST_HOLD_S
        return hold_s

    def pause_s(self, job: Job, response: httpx.Response) -> float:
        """Seconds until the next question, none if the service held this one. Raises `WaitTimeout`."""
        held = self._holding and time.monotonic() - self._asked >= SHORTEST_POLL_S
        return self.at_most_s(0.0 if held else poll_pause_s(response), job)

    def at_most_s(self, pause_s: float, job: Job) -> float:
        """`pause_s`, or less if the time is over before. Raises `WaitTimeout` if it is over."""
        left_s = self.left_s()
        if left_s <= 0:
            raise self.over(job)
        return min(pause_s, max(SHORTEST_POLL_S, left_s))

    def left_s(self) -> float:
        """Seconds until the time is over; infinite if it never is."""
        return self._timeout_s - (time.monotonic() - self._started)

    def over(self, job: Job) -> WaitTimeout:
        """What to raise when the time is over and `job` has not ended."""
        return WaitTimeout(job, self._timeout_s)


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
