"""Who runs beside whom in a worker: all would die together, so a job's last attempt has nobody beside it."""

from __future__ import annotations

from worker.closing import Closing
from worker.runner import Runner


class Company:
    """The jobs that a worker's death would take along: prepared or sampled by `runner`, or being ended by `closing`.

    A job fails as poison when `max_attempts` workers have died with it. On its last attempt it is alone from its claim
    to its end, so that nobody fails for what another did. Where there is one attempt only, jobs share it: to run each
    alone would give up batching. For the engine's thread only, but for `ids`.
    """

    def __init__(self, runner: Runner, closing: Closing, *, max_attempts: int, max_pictures: int) -> None:
        self.runner = runner
        self._closing = closing
        self._max_attempts = max_attempts
        self._most_ending = 2 * max_pictures

    @property
    def ids(self) -> set[str]:
        """Ids of all of them."""
        return self.runner.ids | {job.id for job in self._closing.jobs}

    @property
    def room(self) -> int:
        """Pictures that may still be taken; none beside a job that must be alone, nor while results pile up.

        More results that wait to be written would only fill the memory.
        """
        ending = self._closing.jobs
        closed = any(self._alone(job.record.attempt) for job in [*self.runner.jobs, *ending])
        return 0 if closed or len(ending) > self._most_ending else self.runner.room

    def admits(self, begun: int) -> bool:
        """Whether a job that was begun so many times may be begun now."""
        return not self._alone(begun + 1) or not self.ids

    def _alone(self, attempt: int) -> bool:
        return attempt >= self._max_attempts > 1
