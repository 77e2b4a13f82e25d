"""What a worker knows about a job that it has taken."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from rq.executions import Execution
from torch import Tensor

from jobs.record import JobRecord, Progress, Timings
from sampler.engine import Ticket
from worker.assignment import Prepared
from worker.entries import AllowedJob
from worker.process import Painted
from worker.stopwatch import Stopwatch


@dataclass(eq=False)
class ActiveJob:
    """A claimed job: first its uploads are prepared, then its pictures are sampled, one process each."""

    record: JobRecord
    entry: AllowedJob
    execution: Execution | None
    """RQ's book entry; None if Redis went away before it was made."""
    preparing: Future[Prepared]
    taken_at: float = field(default_factory=time.monotonic)
    sampling_since: float | None = None
    tickets: dict[Ticket, int] = field(default_factory=dict)
    """Picture number of each process that runs."""
    steps_done: dict[int, int] = field(default_factory=dict)
    estimate: Tensor | None = None
    """Latents (c, h, w) that the first picture is expected to have, after its last step."""
    announced_at: float = float("-inf")
    """Monotonic time of the last `progress` event."""
    painted: dict[int, Painted] = field(default_factory=dict)
    stopwatch: Stopwatch = field(init=False)

    def __post_init__(self) -> None:
        self.stopwatch = Stopwatch(self.pictures)

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    @property
    def pictures(self) -> int:
        """How many pictures are asked for."""
        return self.record.spec.n

    def progress(self) -> Progress:
        """Steps that all pictures have done, and the time to go at the pace so far."""
        steps = self.record.spec.steps
        step = min(self.steps_done.get(number, 0) for number in range(self.pictures))
        if step == 0 or self.sampling_since is None:
            return Progress(step=step, steps=steps)
        pace_s = (time.monotonic() - self.sampling_since) / step
        return Progress(step=step, steps=steps, eta_s=round(pace_s * (steps - step), 3))

    def timings(self) -> Timings:
        """How long it waited and ran, where that time went, and the network evaluations of its finished pictures."""
        started_at = self.record.started_at or self.record.created_at
        queue_s = max(0.0, (started_at - self.record.created_at).total_seconds())
        return Timings(
            queue_s=queue_s,
            run_s=time.monotonic() - self.taken_at,
            nfe=sum(painted.nfe for painted in self.painted.values()),
            timeline=self.stopwatch.timeline(queue_s, self.taken_at, self.sampling_since),
        )
