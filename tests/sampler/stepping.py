"""Answer a piece of a process, alone and in order, without the engine."""

from __future__ import annotations

from typing import TypeVar

from sampler.evaluation import Answer, Denoise, Evaluator, Process

ValueT = TypeVar("ValueT")


def answer_all(process: Process[ValueT], evaluator: Evaluator) -> ValueT:
    """What the process returns when each of its `Denoise` is answered at once."""
    answer: Answer = None
    while True:
        try:
            request = process.send(answer)
        except StopIteration as stop:
            value: ValueT = stop.value
            return value
        answer = evaluator.denoise([request])[0] if isinstance(request, Denoise) else None
