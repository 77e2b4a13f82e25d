"""The queue's order: start-time fair queueing as `jobs.turns` keeps it in Redis, or plain arrival order beside it."""

from __future__ import annotations

from heapq import heappop, heappush

from deploy.simulation.load import Job


class WaitingLine:
    """Jobs in the order in which they are served; `fair` False serves them as they came.

    The tag of a job is the later of the queue's own time and of the end of its caller's last job (Goyal, Vin and Cheng
    1996); that of the job that is taken becomes the queue's time. With an empty line all callers are level again.
    """

    def __init__(self, *, fair: bool = True) -> None:
        self._fair = fair
        self._heap: list[tuple[float, int, Job]] = []
        self._ends: dict[str, float] = {}
        self._now = 0.0
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, job: Job) -> None:
        """Enter a job at its place."""
        if not self._heap:
            self._ends.clear()
        tag = max(self._now, self._ends.get(job.caller, 0.0)) if self._fair else 0.0
        self._ends[job.caller] = tag + job.cost
        heappush(self._heap, (tag, self._count, job))
        self._count += 1

    def take(self) -> Job:
        """The next job. Raises `IndexError` when none waits."""
        tag, _, job = heappop(self._heap)
        self._now = max(self._now, tag)
        return job
