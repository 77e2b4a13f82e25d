"""Where a job's seconds went: its stages in order, and its denoising steps; bounded however many steps there are."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

MOST_STEPS = 64
"""Longer jobs tell a summary of their steps only."""

DIGITS = 4
"""Of seconds: tenths of a millisecond."""

Stage: TypeAlias = Literal["queued", "prepare", "encode", "denoise", "decode", "composite", "store"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageTime(_Part):
    """When a stage began, and how long it took; of several pictures from the first's beginning to the last's end."""

    stage: Stage
    start_s: float = Field(description="Seconds after submission.")
    seconds: float


class StepTime(_Part):
    """When a denoising step began, and how long it took until all pictures had done it."""

    start_s: float = Field(description="Seconds after submission.")
    seconds: float


class StepSummary(_Part):
    """Seconds of the denoising steps, in few numbers."""

    count: int
    first_s: float
    last_s: float
    median_s: float
    max_s: float


class Timeline(_Part):
    """Stages in the order in which they began; those that were not reached are left out."""

    stages: list[StageTime]
    steps: list[StepTime] = Field(description="Every step, in order; empty if there were more than 64.")
    step_summary: StepSummary | None = Field(None, description="Of all steps; null before the first was done.")


def timeline(stages: Sequence[tuple[Stage, float, float]], steps: Sequence[tuple[float, float]]) -> Timeline:
    """A timeline of measured beginnings and ends, in seconds after submission."""
    ordered = sorted(stages, key=lambda stage: stage[1])
    durations = [end - start for start, end in steps]
    summary = None
    if durations:
        first, last, middle, longest = (
            round(value, DIGITS) for value in (durations[0], durations[-1], median(durations), max(durations))
        )
        summary = StepSummary(count=len(durations), first_s=first, last_s=last, median_s=middle, max_s=longest)
    return Timeline(
        stages=[StageTime(stage=stage, **_span(start, end)) for stage, start, end in ordered],
        steps=[StepTime(**_span(start, end)) for start, end in steps] if len(steps) <= MOST_STEPS else [],
        step_summary=summary,
    )


def _span(start: float, end: float) -> dict[str, float]:
    return {"start_s": round(start, DIGITS), "seconds": round(end - start, DIGITS)}
