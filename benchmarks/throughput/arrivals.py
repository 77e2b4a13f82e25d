"""Jobs that arrive at random, in real time: all in one engine, or first come, first served, one at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, quantiles

import torch

from sampler.answering import Silent
from sampler.batching import BatchSizes
from sampler.engine import Engine, Ticket
from sampler.evaluation import Process
from worker.diffusers_model import DiffusersModel
from worker.process import Painted


@dataclass(frozen=True)
class Arrival:
    """A job, and seconds after the start at which it arrives."""

    at_s: float
    begin: Callable[[], Process[Painted]]


@dataclass(frozen=True)
class Served:
    """How long all took, and each from its arrival on; `waits`: calls until each was first answered."""

    total_s: float
    latencies_s: list[float]
    waits: list[int]
    mean_batch: float

    @property
    def mean_s(self) -> float:
        """Mean seconds of a job."""
        return mean(self.latencies_s)

    @property
    def p95_s(self) -> float:
        """95th percentile of a job's seconds."""
        return quantiles(self.latencies_s, n=20)[-1]


class Counting(Silent):
    """Counts the engine's calls, and those that a process waits for until it is first answered."""

    def __init__(self) -> None:
        self.calls = self.rows = self.all_calls = 0
        self.waits: list[int] = []

    def evaluated(self, kind: str, rows: int, padded: int, seconds: float) -> None:
        """One more."""
        self.all_calls += 1
        if kind == "denoise":
            self.calls += 1
            self.rows += rows

    def watch(self, process: Process[Painted]) -> Process[Painted]:
        """The same process; notes how many calls were made from here to its first answer, its own included."""
        before = self.all_calls
        answer = yield process.send(None)
        self.waits.append(self.all_calls - before)
        try:
            while True:
                answer = yield process.send(answer)
        except StopIteration as stop:
            result: Painted = stop.value
            return result


def at_random(starts: Sequence[Callable[[], Process[Painted]]], seed: int, within_s: float) -> list[Arrival]:
    """Uniform arrivals, as a Poisson process has them given their number."""
    draw = random.Random(seed)
    times = sorted(draw.uniform(0, within_s) for _ in starts)
    return [Arrival(at_s, begin) for at_s, begin in zip(times, starts, strict=True)]


def serve(model: DiffusersModel, arrivals: Sequence[Arrival], sizes: BatchSizes, most: int) -> Served:
    """Serve jobs in order of arrival, at most `most` at once; one with 1 is first come, first served."""
    counting = Counting()
    engine: Engine[Painted] = Engine(model, sizes, counting)
    waiting, came, latencies = list(arrivals), dict[Ticket, float](), list[float]()
    began = time.perf_counter()
    with torch.inference_mode():
        while waiting or engine.running:
            now_s = time.perf_counter() - began
            while waiting and waiting[0].at_s <= now_s and engine.running < most:
                arrival = waiting.pop(0)
                came[engine.add(counting.watch(arrival.begin()))] = arrival.at_s
            if not engine.running:
                time.sleep(max(0.0, waiting[0].at_s - now_s))
                continue
            for end in engine.step():
                end.unwrap()
                latencies.append(time.perf_counter() - began - came[end.ticket])
    return Served(time.perf_counter() - began, latencies, counting.waits, counting.rows / max(1, counting.calls))
