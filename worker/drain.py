"""The end of a worker's work: what fits into the grace period is finished, the rest goes to other workers."""

from __future__ import annotations

import time

from worker.runner import Runner

HOPELESS = 3.0
"""A job that needs this many times the rest of the grace period is given back at once; estimates are rough."""


class Drain:
    """Until it is requested, nothing of it happens. For the engine's thread only, but for `request`."""

    def __init__(self, runner: Runner, grace_s: float) -> None:
        self._runner = runner
        self._grace_s = grace_s
        self._until: float | None = None

    def request(self) -> None:
        """Begin the grace period, a second time end it. Safe in a signal handler."""
        self._until = time.monotonic() + (self._grace_s if self._until is None else 0.0)

    @property
    def requested(self) -> bool:
        """Whether no more jobs may be taken."""
        return self._until is not None

    @property
    def over(self) -> bool:
        """Whether nothing is left to finish or to give back."""
        return self.requested and not self._runner.ids

    @property
    def left_s(self) -> float:
        """Rest of the grace period; negative after it, infinite before it."""
        return float("inf") if self._until is None else self._until - time.monotonic()

    def give_back(self) -> None:
        """Give back what will clearly not be done in time, and in the end everything."""
        left_s = self.left_s
        longest_s = HOPELESS * left_s
        self._runner.give_back(counted=False, which=lambda job: left_s <= 0 or (job.progress().eta_s or 0) > longest_s)
