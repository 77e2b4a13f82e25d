"""Batches of requests: which go together, how they are padded, and what happens when one fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, assert_never

from torch import Tensor

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

Costly: TypeAlias = Denoise | Encode | Decode | Differentiate
Value: TypeAlias = Denoised | Tensor | Differentiated
Outcome: TypeAlias = Value | Exception
ItemT = TypeVar("ItemT")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchSizes:
    """The few batch sizes that the networks are given, so that only few graphs are compiled.

    `network` counts rows: a guided request has two. `image` is for the autoencoder. A call is padded to the next size;
    where nothing is compiled every size may be listed, and nothing is ever padded.
    """

    network: tuple[int, ...] = (1, 2, 4, 8, 16)
    image: tuple[int, ...] = (1, 2, 4)

    def __post_init__(self) -> None:
        for sizes in (self.network, self.image):
            if not sizes or sizes[0] < 1 or list(sizes) != sorted(set(sizes)):
                raise ValueError("batch sizes must be positive and ascending")

    def of(self, request: Costly) -> tuple[int, ...]:
        """The sizes for a request's kind."""
        return self.network if isinstance(request, Denoise) else self.image


def rows(request: Costly) -> int:
    """Rows that a request takes in its batch."""
    return request.conditioning.nfe if isinstance(request, Denoise) else 1


def group(waiting: Sequence[tuple[ItemT, Costly]], sizes: BatchSizes) -> list[list[tuple[ItemT, Costly]]]:
    """Split what waits into batches of one kind and shape, none above the largest size, in order of arrival."""
    alike: dict[object, list[list[tuple[ItemT, Costly]]]] = {}
    for item, request in waiting:
        batches = alike.setdefault(_shape(request), [[]])
        if batches[-1] and sum(rows(other) for _, other in batches[-1]) + rows(request) > sizes.of(request)[-1]:
            batches.append([])
        batches[-1].append((item, request))
    return [batch for batches in alike.values() for batch in batches]


def answer(requests: Sequence[Costly], evaluator: Evaluator, sizes: BatchSizes) -> list[Outcome]:
    """Evaluate a batch from `group`. A batch that fails is tried again one by one, so that only the guilty fail."""
    try:
        return [_checked(value) for value in _evaluate(requests, evaluator, sizes)]
    except Exception as error:  # whatever a network raises must not reach the innocent
        if len(requests) == 1:
            failure = EvaluationError(f"evaluating one {type(requests[0]).__name__} failed: {error}")
            failure.__cause__ = error
            return [failure]
        logger.warning("a batch of %d failed, trying one by one", len(requests), exc_info=True)
    return [answer([request], evaluator, sizes)[0] for request in requests]


def _evaluate(requests: Sequence[Costly], evaluator: Evaluator, sizes: BatchSizes) -> Sequence[Value]:
    answers: Sequence[Value]
    match requests[0]:
        case Denoise():
            answers = evaluator.denoise(_padded(requests, Denoise, sizes))
        case Encode():
            answers = evaluator.encode(_padded(requests, Encode, sizes))
        case Decode():
            answers = evaluator.decode(_padded(requests, Decode, sizes))
        case Differentiate():
            return [_differentiate(requests[0], evaluator)]
        case _:
            assert_never(requests[0])
    expected = len(requests) + len(_padding(requests, sizes))
    if len(answers) != expected:
        raise ProtocolError(f"{len(answers)} answers to {expected} requests")
    return answers[: len(requests)]


def _padded(requests: Sequence[Costly], kind: type[ItemT], sizes: BatchSizes) -> list[ItemT]:
    return [request for request in (*requests, *_padding(requests, sizes)) if isinstance(request, kind)]


def _differentiate(request: Differentiate, evaluator: Evaluator) -> Differentiated:
    if not isinstance(evaluator, DifferentiableEvaluator):
        raise ProtocolError(f"{type(evaluator).__name__} does not differentiate")
    return evaluator.differentiate(request)


def _padding(requests: Sequence[Costly], sizes: BatchSizes) -> list[Costly]:
    """Single-row copies of the last request, up to the next batch size; none beyond the largest."""
    taken = sum(rows(request) for request in requests)
    size = next((size for size in sizes.of(requests[0]) if size >= taken), taken)
    filler = requests[-1]
    if isinstance(filler, Denoise):
        filler = replace(filler, conditioning=replace(filler.conditioning, guidance_scale=1.0))
    return [filler] * (size - taken)


def _checked(value: Value) -> Outcome:
    """Images and latents must be finite; a `Denoised` is judged by the process that asked (`Denoiser`)."""
    if isinstance(value, Tensor) and not bool(value.isfinite().all()):
        return DivergedError("the autoencoder's answer is not finite")
    return value


def _shape(request: Costly) -> object:
    match request:
        case Denoise():
            return Denoise, request.x_t.shape, request.extra_channels, request.conditioning.prompt.shape
        case Encode():
            return Encode, request.image.shape
        case Decode():
            return Decode, request.latents.shape
        case Differentiate():
            return id(request)  # like no other: it runs alone
        case _:
            assert_never(request)
