"""Runs many sampling processes at once: gathers what they ask for, evaluates, answers. Knows no Redis and no HTTP.

Work starts and ends at evaluation boundaries: an added process joins the next call, an ended one leaves at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, NewType, TypeAlias, cast

from sampler.answering import Answering, EngineObserver, Outcome, Silent
from sampler.batching import BatchSizes, Costly, FairShare, Waiting, choose
from sampler.evaluation import Answer, Evaluator, Process, Report, ResultT

Ticket = NewType("Ticket", int)
OnReport: TypeAlias = Callable[[Report], None]


@dataclass(frozen=True, eq=False)
class Finished(Generic[ResultT]):
    """A process that ended by itself: with a `result`, or with the `error` that ended it."""

    ticket: Ticket
    result: ResultT | None
    error: Exception | None

    def unwrap(self) -> ResultT:
        """The result; raises the error instead if there is one."""
        if self.error is not None:
            raise self.error
        return cast(ResultT, self.result)


@dataclass(eq=False)
class _Run(Generic[ResultT]):
    process: Process[ResultT]
    on_report: OnReport | None
    owner: Hashable
    pending: Costly | None = None
    """What it waits for; None before its start."""
    place: int = 0
    """When it began to wait, among all; 0 for a first request, so that what joins starts at once."""


class Engine(Generic[ResultT]):
    """Drives processes that return a `ResultT`. Not thread-safe: one thread adds, removes and steps.

    `batch_sizes` may be set anew between steps, as when they have been measured.
    """

    def __init__(
        self, evaluator: Evaluator, batch_sizes: BatchSizes | None = None, observer: EngineObserver | None = None
    ) -> None:
        self._answering = Answering(evaluator, batch_sizes or BatchSizes(), observer or Silent())
        self._share = FairShare()
        self._tickets = count(1)
        self._places = count(1)
        self._runs: dict[Ticket, _Run[ResultT]] = {}

    @property
    def batch_sizes(self) -> BatchSizes:
        """What calls are padded to."""
        return self._answering.sizes

    @batch_sizes.setter
    def batch_sizes(self, sizes: BatchSizes) -> None:
        self._answering.sizes = sizes

    @property
    def running(self) -> int:
        """How many processes have not ended."""
        return len(self._runs)

    def add(self, process: Process[ResultT], on_report: OnReport | None = None, owner: Hashable = None) -> Ticket:
        """Take a process in; it starts with the next `step`. `on_report` is called at each of its `Report`s.

        All processes of an equal `owner` share what one owner gets of the network.
        """
        ticket = Ticket(next(self._tickets))
        self._runs[ticket] = _Run(process, on_report, owner)
        self._answering.observer.joined(len(self._runs))
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """Drop a process and close its generator; False when it does not run any more. Allowed in `on_report` too."""
        run = self._runs.pop(ticket, None)
        if run is None:
            return False
        run.process.close()
        return True

    def step(self) -> list[Finished[ResultT]]:
        """Start what was added and make one call, answering as many processes as go together; return what ended.

        The less its owner was served, and the longer a process has waited, the sooner it is answered; what has just
        been added comes first among its owner's. An exception in one process, in its `on_report` or in its
        evaluation ends that process alone.
        """
        ends = [self._advance(ticket, None) for ticket, run in list(self._runs.items()) if run.pending is None]
        waiting = [
            Waiting(ticket, run.pending, run.owner, run.place)
            for ticket, run in self._runs.items()
            if run.pending is not None
        ]
        if waiting:
            batch = choose(waiting, self._answering.sizes, self._share, self._answering.limits)
            outcomes = self._answering.answer([one.request for one in batch])
            ends += [self._hand_over(one.item, outcome) for one, outcome in zip(batch, outcomes, strict=True)]
        return [end for end in ends if end is not None]

    def _hand_over(self, ticket: Ticket, outcome: Outcome) -> Finished[ResultT] | None:
        return self._fail(ticket, outcome) if isinstance(outcome, Exception) else self._advance(ticket, outcome)

    def _advance(self, ticket: Ticket, value: Answer) -> Finished[ResultT] | None:
        """Run a process up to its next costly request; None while it goes on, or when it has been removed."""
        try:
            while (run := self._runs.get(ticket)) is not None:
                request = run.process.send(value)
                if not isinstance(request, Report):
                    run.place = 0 if run.pending is None else next(self._places)
                    run.pending = request
                    return None
                value = None
                if run.on_report is not None:
                    run.on_report(request)
        except StopIteration as stop:
            del self._runs[ticket]
            return Finished(ticket, stop.value, None)
        except Exception as error:  # the edge of one process: its failure must not touch the others
            return self._fail(ticket, error)
        return None

    def _fail(self, ticket: Ticket, error: Exception) -> Finished[ResultT] | None:
        run = self._runs.pop(ticket, None)
        if run is None:
            return None
        try:
            run.process.close()
        except Exception as closing:  # the first error is the one to tell
            error.add_note(f"closing the process failed too: {closing!r}")
        return Finished(ticket, None, error)


def run(process: Process[ResultT], evaluator: Evaluator, on_report: OnReport | None = None) -> ResultT:
    """Run one process alone and return its result, or raise its error: the engine with one generator."""
    engine: Engine[ResultT] = Engine(evaluator)
    engine.add(process, on_report)
    while True:
        for end in engine.step():
            return end.unwrap()
