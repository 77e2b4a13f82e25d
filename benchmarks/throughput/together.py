"""The engine beside a bare loop of the same network calls, and half pictures so many at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

import torch

from benchmarks.memory import PeakMemory
from benchmarks.throughput.ceiling import now, rows
from benchmarks.throughput.workload import Job, start
from sampler.batching import BatchSizes
from sampler.engine import Engine
from sampler.evaluation import Answer, Decode, Process
from worker.diffusers_model import DiffusersModel
from worker.process import Painted

ROUNDS = 5
ResultT = TypeVar("ResultT")


def bare_seconds(model: DiffusersModel, batch: int, calls: int) -> float:
    """Seconds of so many calls of the network and nothing else, arguments ready."""
    arguments = rows(model, batch)
    began = now(model.device)
    with torch.inference_mode():
        for _ in range(calls):
            model.network(*arguments)
    return now(model.device) - began


def engine_seconds(model: DiffusersModel, batch: int, steps: int) -> float:
    """Seconds of `batch` text-to-image samplings of `steps` evaluations, through the engine, pictures not decoded."""
    engine: Engine[None] = Engine(model, BatchSizes((batch,)))
    for seed in range(batch):
        process = start(model, Job(None, steps=steps, seed=seed))()
        engine.add(_without_decoding(process))
    began = now(model.device)
    with torch.inference_mode():
        while engine.running:
            engine.step()
    return now(model.device) - began


def _without_decoding(process: Process[Painted]) -> Process[None]:
    """The process up to its last evaluation of the network."""
    answer: Answer = None
    while True:
        request = process.send(answer)
        if isinstance(request, Decode):
            process.close()
            return None
        answer = yield request


def overhead(model: DiffusersModel, batch: int, steps: int) -> tuple[float, float]:
    """Median seconds of a call, (in the engine, bare); the two are timed in turn, so that both see the same machine."""
    pairs = [
        (engine_seconds(model, batch, steps) / steps, bare_seconds(model, batch, steps) / steps)
        for _ in range(ROUNDS + 1)
    ][1:]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def run_all(model: DiffusersModel, starts: Sequence[Callable[[], Process[ResultT]]], sizes: BatchSizes) -> float:
    """Seconds until all are done that start together."""
    engine: Engine[ResultT] = Engine(model, sizes)
    for begin in starts:
        engine.add(begin())
    began = time.perf_counter()
    with torch.inference_mode():
        while engine.running:
            for end in engine.step():
                end.unwrap()
    return time.perf_counter() - began


def half_pictures(model: DiffusersModel, batch: int, rounds: int) -> tuple[float, float]:
    """(median seconds of `batch` half pictures with the default solver, sampled together and decoded, peak MB)."""
    starts = [start(model, Job(seed=seed)) for seed in range(batch)]
    sizes = BatchSizes((batch,), (1, 2, 4))
    with PeakMemory(model.device) as memory:
        seconds = median(run_all(model, starts, sizes) for _ in range(rounds))
    return seconds, memory.mb
