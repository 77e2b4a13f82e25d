"""Where a job's time went, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StageTime:
    """A stage of a job: when it began, in seconds after submission, and how long it took."""

    stage: str
    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class StepTime:
    """A denoising step: when it began, in seconds after submission, and how long it took."""

    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class StepSummary:
    """Seconds of all denoising steps in few numbers."""

    count: int
    first_s: float
    last_s: float
    median_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a job's time went. `steps` are all denoising steps, or none if there are more than 64."""

    stages: tuple[StageTime, ...] = ()
    steps: tuple[StepTime, ...] = ()
    step_summary: StepSummary | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds waited and run, network evaluations (NFE) spent, and where the time went; `None` while unknown."""

    queue_s: float | None = None
    run_s: float | None = None
    nfe: int | None = None
    timeline: Timeline | None = None


def parse_timings(body: Mapping[str, Any]) -> Timings:
    """Read the service's `timings`; what is not told is `None`."""
    told = body.get("timeline")
    timeline = None if told is None else _timeline(told)
    return Timings(body.get("queue_s"), body.get("run_s"), body.get("nfe"), timeline)


def _timeline(body: Mapping[str, Any]) -> Timeline:
    summary = body.get("step_summary")
    names = ("count", "first_s", "last_s", "median_s", "max_s")
    return Timeline(
        stages=tuple(StageTime(one["stage"], one["start_s"], one["seconds"]) for one in body.get("stages") or ()),
        steps=tuple(StepTime(one["start_s"], one["seconds"]) for one in body.get("steps") or ()),
        step_summary=None if summary is None else StepSummary(*(summary[name] for name in names)),
    )
