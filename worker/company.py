"""Who runs beside whom in a worker: all would die together, so a job's last attempt has nobody beside it."""

from __future__ import annotations

from collections.abc import Callable

from worker.candidates import WaitingJob
from worker.closing import Closing
from worker.runner import Runner


class Company:
    """The jobs that a worker's death would take along: prepared or sampled by `runner`, or being ended by `closing`.

    There is room for `max_pictures`. A caller who has nothing here may have a job beyond that, so that nobody waits for
    a whole job of others to end: the engine serves him as much as any of them. Not while memory is short, and up to
    twice as many pictures: a job that waits for its next call holds little of the device's memory, yet some. Nor where
    there is room for one: who sets that wants pictures sampled alone.

    A job fails as poison when `max_attempts` workers have died with it. On its last attempt it is alone from its claim
    to its end, so that nobody fails for what another did. Where there is one attempt only, jobs share it: to run each
    alone would give up batching. Any thread may ask; an answer holds as long as nobody but who asks takes jobs.
    """

    def __init__(
        self,
        runner: Runner,
        closing: Closing,
        *,
        max_attempts: int,
        max_pictures: int,
        memory_short: Callable[[], bool],
    ) -> None:
        self.runner = runner
        self._closing = closing
        self._max_attempts = max_attempts
        self._max_pictures = max_pictures
        self._most_pictures = 2 * max_pictures if max_pictures > 1 else 1
        self._most_ending = 2 * max_pictures
        self._memory_short = memory_short

    @property
    def ids(self) -> set[str]:
        """Ids of all of them."""
        return self.runner.ids | {job.id for job in self._closing.jobs}

    @property
    def room(self) -> int:
        """Pictures that anybody may have taken; none beside a job that must be alone, nor while results pile up.

        More results that wait to be written would only fill the memory. A job of several pictures may exceed it.
        """
        return self._left(self._max_pictures)

    @property
    def spare_room(self) -> int:
        """Pictures that a caller may have taken who has nothing here."""
        return 0 if self._memory_short() else self._left(self._most_pictures)

    def admits(self, job: WaitingJob | None) -> bool:
        """Whether an entry may be taken off the queue now. One without a job that waits may: it will not be run."""
        if job is None:
            return True
        if self.must_be_alone(job):
            return not self.ids
        return self.room > 0 or (job.pictures <= self.spare_room and job.caller not in self._callers())

    def must_be_alone(self, job: WaitingJob) -> bool:
        """Whether a job's next attempt is its last."""
        return self._alone(job.attempt + 1)

    def _left(self, most_pictures: int) -> int:
        ending, running = self._closing.jobs, self.runner.jobs
        if len(ending) > self._most_ending or any(self._alone(job.record.attempt) for job in [*running, *ending]):
            return 0
        return max(0, most_pictures - sum(job.pictures for job in running))

    def _callers(self) -> set[str]:
        return {job.record.caller for job in self.runner.jobs}

    def _alone(self, attempt: int) -> bool:
        return attempt >= self._max_attempts > 1
