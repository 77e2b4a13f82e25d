"""Run processes in batches: what came of each, the seconds of one, the memory of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

import torch

from benchmarks.memory import PeakMemory
from sampler.engine import Engine
from sampler.evaluation import Decode, Encode, Process
from worker.diffusers_model import DiffusersModel

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, eq=False)
class Timed(Generic[ResultT]):
    """Results in order, `seconds` a picture (the median over batches of their time by their size), peak memory."""

    results: list[ResultT]
    seconds: float
    peak_mb: float


def run(model: DiffusersModel, starts: Sequence[Callable[[], Process[ResultT]]], batch: int) -> Timed[ResultT]:
    """Run what `starts` make, `batch` at a time, together as the worker would. Raises what ends any of them."""
    results: list[ResultT] = []
    seconds = []
    with PeakMemory(model.device) as memory:
        for first in range(0, len(starts), batch):
            some = starts[first : first + batch]
            began = time.perf_counter()
            results += _together(model, [start() for start in some])
            seconds.append((time.perf_counter() - began) / len(some))
    return Timed(results, median(seconds), memory.mb)


def _together(model: DiffusersModel, processes: Sequence[Process[ResultT]]) -> list[ResultT]:
    engine: Engine[ResultT] = Engine(model)
    tickets = [engine.add(process) for process in processes]
    ends = {}
    while engine.running:
        ends.update({end.ticket: end.unwrap() for end in engine.step()})
    return [ends[ticket] for ticket in tickets]


def warm_up(model: DiffusersModel, size_px: int) -> None:
    """Evaluate everything once, so that the first method measured does not pay for what all share."""
    latents = torch.zeros(model.latents_shape(size_px, size_px), device=model.device)
    model.encode([Encode(torch.zeros(3, size_px, size_px, device=model.device))])
    model.decode([Decode(latents)])
    timesteps = torch.zeros(1, dtype=torch.int64)
    with torch.inference_mode():
        extra = latents.new_zeros(model.extra_channels, *latents.shape[1:])
        model.network(torch.cat([latents, extra])[None], timesteps, model.conditioning("", "", 1.0).prompt[None])
