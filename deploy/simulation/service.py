"""The service as a SimPy model: jobs arrive, wait in one line, and workers sample as many as they have room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

import simpy

from deploy.pace import Pace
from deploy.simulation.load import Job, Kind
from deploy.simulation.waiting import WaitingLine

Steps: TypeAlias = Generator[simpy.Event, Any, None]
IMAGE_ROWS = 4
"""Pictures that the engine gives the autoencoder at once."""


@dataclass(frozen=True)
class Autoscaling:
    """Every `poll_s` as many workers are wanted as let `target` jobs wait for each, from `least` to `most`.

    A new one takes jobs after `start_s` (node, image, weights, warm-up); one that had nothing to do for `cool_down_s`
    goes, while there are more than `least`.
    """

    least: int
    most: int
    target: float = 2.0
    poll_s: float = 15.0
    start_s: float = 120.0
    cool_down_s: float = 300.0


@dataclass(frozen=True)
class Design:
    """What is simulated. `room`: pictures that a worker samples at once; `rows`: of the largest useful call.

    `turn_s` is spent beside each call (Redis, Python), `outside_s` once a job (HTTP, uploads, compositing, encoding),
    where nothing waits for it.
    """

    pace: Pace
    workers: int = 1
    room: int = 8
    rows: int = 8
    turn_s: float = 0.0
    outside_s: float = 0.0
    fair: bool = True
    autoscaling: Autoscaling | None = None


@dataclass(frozen=True)
class Ended:
    """One job: seconds of the simulation at which it came, was taken and had ended for its caller."""

    number: int
    caller: str
    at_s: float
    taken_s: float
    ended_s: float

    @property
    def wait_s(self) -> float:
        """Seconds in the queue."""
        return self.taken_s - self.at_s

    @property
    def run_s(self) -> float:
        """Seconds in the worker and on the way out."""
        return self.ended_s - self.taken_s

    @property
    def total_s(self) -> float:
        """Seconds from coming to the end."""
        return self.ended_s - self.at_s


@dataclass
class Outcome:
    """All jobs in the order of their ends; `worker_s` are seconds that workers were there, `calls` of them all."""

    ended: list[Ended] = field(default_factory=list)
    worker_s: float = 0.0
    calls: int = 0
    most_workers: int = 0


@dataclass
class _Running:
    """A job in a worker: its next work, since when it waits for it (a place in the order), when it was taken."""

    job: Job
    taken_s: float
    place: int
    next: int = 0

    @property
    def kind(self) -> Kind:
        return self.job.work[self.next].kind


class Simulation:
    """One run: `Simulation(design).run(jobs)`. Nothing is drawn here, so equal jobs have equal ends."""

    def __init__(self, design: Design) -> None:
        self._design = design
        self._env = simpy.Environment()
        self._line = WaitingLine(fair=design.fair)
        self._idle: deque[simpy.Event] = deque()
        self._outcome = Outcome()
        self._there = 0
        self._coming = 0
        self._left = 0
        self._places = count()

    def run(self, jobs: Sequence[Job]) -> Outcome:
        """Until every job has ended."""
        self._left = len(jobs)
        scaling = self._design.autoscaling
        for _ in range(scaling.least if scaling else self._design.workers):
            self._env.process(self._worker())
        if scaling:
            self._env.process(self._scaler(scaling))
        self._env.process(self._callers(sorted(jobs, key=lambda job: job.at_s)))
        self._env.run()
        return self._outcome

    def _callers(self, jobs: Sequence[Job]) -> Steps:
        for job in jobs:
            yield self._env.timeout(job.at_s - self._env.now)
            self._line.put(job)
            if self._idle:
                self._idle.popleft().succeed()

    def _worker(self) -> Steps:
        began_s = self._env.now
        self._there += 1
        self._outcome.most_workers = max(self._outcome.most_workers, self._there)
        running: list[_Running] = []
        served: dict[str, float] = {}
        while self._left:
            while self._line and len(running) < self._design.room:
                running.append(_Running(self._line.take(), self._env.now, self._place()))
            if running:
                yield from self._call(running, served)
            elif not (yield from self._wait()):
                break
        self._there -= 1
        self._outcome.worker_s += self._env.now - began_s

    def _call(self, running: list[_Running], served: dict[str, float]) -> Steps:
        """One call, of the kind that is due, with all others that fit."""
        batch = self._batch(running, served)
        self._outcome.calls += 1
        rows = sum(one.job.rows for one in batch)
        network = batch[0].kind == "network"
        seconds = self._design.pace.network(rows) if network else self._design.pace.image(rows)
        calls = max(one.job.work[one.next].count for one in batch)
        yield self._env.timeout(calls * (seconds + self._design.turn_s))
        for one in batch:
            one.next += 1
            one.place = self._place()
            if one.next == len(one.job.work):
                running.remove(one)
                self._end(one)

    def _batch(self, running: list[_Running], served: dict[str, float]) -> list[_Running]:
        """As `sampler.batching.choose`: the caller served least, then who waits longest, then others of that kind."""
        callers = {one.job.caller for one in running}
        least = min((served[name] for name in callers & served.keys()), default=0.0)
        for name in callers:
            served.setdefault(name, least)
        for name in served.keys() - callers:
            del served[name]
        due, turns = dict(served), []
        for one in sorted(running, key=lambda one: one.place):
            turns.append((due[one.job.caller], one.place, one))
            due[one.job.caller] += one.job.rows
        order = [one for _, _, one in sorted(turns, key=lambda turn: turn[:2])]
        room = self._design.rows if order[0].kind == "network" else IMAGE_ROWS
        batch: list[_Running] = []
        for one in order:
            if one.kind != order[0].kind:
                continue
            if batch and one.job.rows > room:
                break
            room -= one.job.rows
            batch.append(one)
            served[one.job.caller] += one.job.rows
        return batch

    def _end(self, one: _Running) -> None:
        self._left -= 1
        ended_s = self._env.now + self._design.outside_s
        self._outcome.ended.append(Ended(one.job.number, one.job.caller, one.job.at_s, one.taken_s, ended_s))
        if not self._left:
            while self._idle:
                self._idle.popleft().succeed()

    def _wait(self) -> Generator[simpy.Event, Any, bool]:
        """Until there is something to take; False for a worker that is not needed any more."""
        scaling, woken = self._design.autoscaling, self._env.event()
        self._idle.append(woken)
        if scaling is None:
            yield woken
            return True
        yield woken | self._env.timeout(scaling.cool_down_s)
        if woken.triggered:
            return True
        self._idle.remove(woken)
        return self._there <= scaling.least

    def _scaler(self, scaling: Autoscaling) -> Steps:
        while self._left:
            yield self._env.timeout(scaling.poll_s)
            present = self._there + self._coming
            wanted = min(scaling.most, int(-(-len(self._line) // scaling.target)))
            for _ in range(wanted - present):
                self._coming += 1
                self._env.process(self._start(scaling.start_s))

    def _start(self, start_s: float) -> Steps:
        yield self._env.timeout(start_s)
        self._coming -= 1
        yield self._env.process(self._worker())

    def _place(self) -> int:
        return next(self._places)


def simulate(design: Design, jobs: Sequence[Job]) -> Outcome:
    """Let the design serve the jobs."""
    return Simulation(design).run(jobs)
