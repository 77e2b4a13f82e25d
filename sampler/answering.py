"""Evaluates a batch of requests: pads it, halves it when memory is short, and lets only the guilty fail."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias, assert_never

import torch
from torch import Tensor

from sampler.batching import BatchSizes, Costly, ItemT, Limits, rows, shape
from sampler.errors import DivergedError, EvaluationError, ProtocolError
from sampler.evaluation import (
    Decode,
    Denoise,
    Denoised,
    DifferentiableEvaluator,
    Differentiate,
    Differentiated,
    Encode,
    Evaluator,
)
from sampler.faults import out_of_memory

Value: TypeAlias = Denoised | Tensor | Differentiated
Outcome: TypeAlias = Value | Exception

logger = logging.getLogger(__name__)


class EngineObserver(Protocol):
    """Is told what the engine does, on its thread: to be quick about it, and not to raise."""

    def joined(self, running: int) -> None:
        """A process was added; `running` counts it."""
        ...

    def evaluated(self, kind: str, rows: int, padded: int, seconds: float) -> None:
        """A call has been answered: of `kind` denoise, encode, decode or differentiate, `rows` padded to `padded`."""
        ...

    def out_of_memory(self, kind: str, rows: int) -> None:
        """A call of so many rows did not fit; it is tried again in halves."""
        ...

    def retried(self, kind: str, requests: int) -> None:
        """A call of so many requests failed; each is tried again by itself."""
        ...


class Silent:
    """The observer of those who need none."""

    def joined(self, running: int) -> None:
        """Nothing."""

    def evaluated(self, kind: str, rows: int, padded: int, seconds: float) -> None:
        """Nothing."""

    def out_of_memory(self, kind: str, rows: int) -> None:
        """Nothing."""

    def retried(self, kind: str, requests: int) -> None:
        """Nothing."""


class Answering:
    """Answers batches with an evaluator, and learns what fits into memory. `sizes` may be exchanged."""

    def __init__(self, evaluator: Evaluator, sizes: BatchSizes, observer: EngineObserver) -> None:
        self._evaluator = evaluator
        self.sizes = sizes
        self.observer = observer
        self.limits = Limits()

    def answer(self, requests: Sequence[Costly]) -> list[Outcome]:
        """One outcome a request, all of which share a shape.

        A batch that does not fit into memory is halved, and later ones of its shape stay below. One that fails is
        tried again one by one.
        """
        try:
            return [_checked(value) for value in self._timed(requests)]
        except Exception as error:  # whatever a network raises must not reach the innocent
            parts = self._parts(requests, error)
            if not parts:
                failure = EvaluationError(f"evaluating one {type(requests[0]).__name__} failed: {error}")
                failure.__cause__ = error
                return [failure]
        return [outcome for part in parts for outcome in self.answer(part)]

    def _parts(self, requests: Sequence[Costly], error: Exception) -> list[Sequence[Costly]]:
        """What to try instead of a batch that failed; nothing if a request failed that was all by itself."""
        if out_of_memory(error):
            padded, fits = self._padded(requests), max(_taken(requests) // 2, rows(requests[0]))
            logger.warning("%d rows did not fit into memory", padded)
            self.observer.out_of_memory(kind(requests[0]), padded)
            self.limits.lower(shape(requests[0]), fits)
            _free_memory(error)
            middle = len(requests) // 2
            if middle:
                return [requests[:middle], requests[middle:]]
            return [requests] if self._padded(requests) < padded else []
        if len(requests) == 1:
            return []
        logger.warning("a batch of %d failed, trying one by one", len(requests), exc_info=error)
        self.observer.retried(kind(requests[0]), len(requests))
        return [[request] for request in requests]

    def _padded(self, requests: Sequence[Costly]) -> int:
        """Rows of a call of `requests`, padding included."""
        size = self.sizes.padded(requests[0], _taken(requests))
        return max(_taken(requests), min(size, self.limits.of(shape(requests[0]))))

    def _timed(self, requests: Sequence[Costly]) -> Sequence[Value]:
        began = time.perf_counter()
        taken, padded = _taken(requests), self._padded(requests)
        answers = self._evaluate([*requests, *_padding(requests[-1], padded - taken)])
        self.limits.fitted(shape(requests[0]))
        self.observer.evaluated(kind(requests[0]), taken, padded, time.perf_counter() - began)
        return answers[: len(requests)]

    def _evaluate(self, requests: Sequence[Costly]) -> Sequence[Value]:
        answers: Sequence[Value]
        match requests[0]:
            case Denoise():
                answers = self._evaluator.denoise(_all(requests, Denoise))
            case Encode():
                answers = self._evaluator.encode(_all(requests, Encode))
            case Decode():
                answers = self._evaluator.decode(_all(requests, Decode))
            case Differentiate():
                return [_differentiate(requests[0], self._evaluator)]
            case _:
                assert_never(requests[0])
        if len(answers) != len(requests):
            raise ProtocolError(f"{len(answers)} answers to {len(requests)} requests")
        return answers


def kind(request: Costly) -> str:
    """The name of a request's kind: denoise, encode, decode or differentiate."""
    return type(request).__name__.lower()


def _taken(requests: Sequence[Costly]) -> int:
    return sum(rows(request) for request in requests)


def _all(requests: Sequence[Costly], kind: type[ItemT]) -> list[ItemT]:
    return [request for request in requests if isinstance(request, kind)]


def _differentiate(request: Differentiate, evaluator: Evaluator) -> Differentiated:
    if not isinstance(evaluator, DifferentiableEvaluator):
        raise ProtocolError(f"{type(evaluator).__name__} does not differentiate")
    return evaluator.differentiate(request)


def _padding(filler: Costly, count: int) -> list[Costly]:
    """Copies of a request that take one row each."""
    if isinstance(filler, Denoise):
        filler = replace(filler, conditioning=replace(filler.conditioning, guidance_scale=1.0))
    return [filler] * count


def _checked(value: Value) -> Outcome:
    """Images and latents must be finite; a `Denoised` is judged by the process that asked (`Denoiser`)."""
    if isinstance(value, Tensor) and not bool(value.isfinite().all()):
        return DivergedError("the autoencoder's answer is not finite")
    return value


def _free_memory(error: Exception) -> None:
    """Give back what a failed call holds: its frames' tensors, and the allocator's cache."""
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
