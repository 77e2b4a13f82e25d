"""What a queue entry may be: the one function we run, by job id, as JSON, with no callbacks."""

from __future__ import annotations

from collections.abc import Mapping

from rq.exceptions import DeserializationError
from rq.job import Job

from jobs.queue import RUN_JOB
from worker.errors import RefusedEntry


class AllowedJob(Job):
    """RQ's job with everything taken away that could make a worker import, call or post anything.

    Whoever can write to the queue could otherwise have any function of any installed package called, as an entry names
    it by its dotted path, and so do callbacks; webhooks would be posted to any address.
    """

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the entry, leaving out callbacks, webhooks, dependencies, retries and limits."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self._dependency_ids = []
        self.repeats_left = self.retries_left = None
        self.group_id = self.rate_limit_key = None

    @classmethod
    def checked(cls, entry: Job) -> AllowedJob:
        """The entry, if it asks to run the job of its own id.

        Raises:
            RefusedEntry: it is something else, or no JSON.
        """
        try:
            asked = entry.func_name, entry.instance, list(entry.args), entry.kwargs
        except (DeserializationError, TypeError, ValueError) as error:
            raise RefusedEntry("the entry is no JSON of ours") from error
        if not isinstance(entry, cls) or asked != (RUN_JOB, None, [entry.id], {}):
            raise RefusedEntry("the entry asks for something else than to run its job")
        return entry

    @property
    def func(self) -> None:
        """Nothing: an entry is never called, the worker runs its own function."""
        return

    def perform(self) -> None:
        """Refuse; the resident worker gives jobs to its engine and never calls this.

        Raises:
            RefusedEntry: always.
        """
        raise RefusedEntry("entries are not called")
