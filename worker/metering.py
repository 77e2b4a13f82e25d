"""Counts what the network does, and notices when it does nothing any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from sampler.evaluation import Decode, Denoise, Denoised, Encode, Evaluator


class MeteredEvaluator:
    """An `Evaluator` that passes everything on and keeps the counters that a worker publishes."""

    def __init__(self, inner: Evaluator) -> None:
        self._inner = inner
        self.calls = 0
        self.evaluations = 0
        self.largest_batch = 0
        self.longest_s = 0.0
        """The slowest call since `forget`, of any network."""
        self.last_progress = time.monotonic()
        self._lock = threading.Lock()
        self._beside: dict[object, float] = {}
        """When each call began that is being made beside the engine."""

    def forget(self) -> None:
        """Count from nothing again: first calls compile and fill caches, and tell nothing of the later ones."""
        self.calls = self.evaluations = self.largest_batch = 0
        self.longest_s = 0.0

    def idle_for_s(self) -> float:
        """Seconds since the engine last did something or said that there is nothing to do.

        A call beside it that takes longer counts as well: a device that hangs there hangs for all.
        """
        with self._lock:
            return time.monotonic() - min([self.last_progress, *self._beside.values()])

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Watches over a call of a network inside, in any thread."""
        call, began = object(), time.monotonic()
        with self._lock:
            self._beside[call] = began
        try:
            yield
        finally:
            with self._lock:
                del self._beside[call]
            self._remember(time.monotonic() - began)

    def tick(self) -> None:
        """Say that all is well: something was done, or there is nothing to do."""
        self.last_progress = time.monotonic()

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        """Evaluate the network, and count it."""
        started = time.monotonic()
        answers = self._inner.denoise(requests)
        taken = sum(request.conditioning.nfe for request in requests)
        self.calls += 1
        self.evaluations += taken
        self.largest_batch = max(self.largest_batch, taken)
        self._done(started)
        return answers

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        """Images to latents."""
        started = time.monotonic()
        answers = self._inner.encode(requests)
        _await(answers)
        self._done(started)
        return answers

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        """Latents to images."""
        started = time.monotonic()
        answers = self._inner.decode(requests)
        _await(answers)
        self._done(started)
        return answers

    def _done(self, started: float) -> None:
        self.tick()
        self._remember(self.last_progress - started)

    def _remember(self, taken_s: float) -> None:
        with self._lock:
            self.longest_s = max(self.longest_s, taken_s)


def _await(answers: Sequence[Tensor]) -> None:
    """A GPU is given its work and not waited for: without this, what is measured is how long the giving took."""
    if answers and answers[0].is_cuda:
        torch.cuda.synchronize(answers[0].device)
