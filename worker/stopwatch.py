"""Measures where a job's time goes: its pictures' stages on the engine's thread, the rest where it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jobs.timeline import Stage, Timeline, timeline


@dataclass
class PictureClock:
    """The stages and steps of one picture; monotonic seconds."""

    stages: list[tuple[Stage, float, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    """When each denoising step was done."""
    _current: tuple[Stage, float] | None = None

    def enter(self, stage: Stage | None) -> None:
        """End the current stage, if there is one, and begin another; None: no other."""
        now = time.monotonic()
        if self._current is not None:
            self.stages.append((*self._current, now))
        self._current = None if stage is None else (stage, now)

    def step(self) -> None:
        """A denoising step is done."""
        self.steps.append(time.monotonic())


class Stopwatch:
    """Of one attempt of a job."""

    def __init__(self, pictures: int) -> None:
        self.pictures = [PictureClock() for _ in range(pictures)]
        self._beside: list[tuple[Stage, float, float]] = []

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Measures what is done inside, beside the engine."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._beside.append((stage, began, time.monotonic()))

    def timeline(self, queue_s: float, taken_at: float, prepared_at: float | None) -> Timeline:
        """What has been measured so far of a job that had waited `queue_s` seconds at the monotonic time `taken_at`."""
        measured = [*self._sampled(), *self._beside]
        if prepared_at is not None:
            measured.append(("prepare", taken_at, prepared_at))
        offset = queue_s - taken_at
        stages: list[tuple[Stage, float, float]] = [("queued", 0.0, queue_s)]
        stages += [(stage, start + offset, end + offset) for stage, start, end in measured]
        return timeline(stages, [(start + offset, end + offset) for start, end in self._steps()])

    def _sampled(self) -> list[tuple[Stage, float, float]]:
        """Stages of all pictures together: from the first's beginning to the last's end."""
        found: dict[Stage, tuple[float, float]] = {}
        for picture in self.pictures:
            for stage, start, end in picture.stages:
                first, last = found.get(stage, (start, end))
                found[stage] = min(first, start), max(last, end)
        return [(stage, start, end) for stage, (start, end) in found.items()]

    def _steps(self) -> list[tuple[float, float]]:
        """The steps that all pictures have done; each begins where the one before has ended."""
        starts = [start for stage, start, _ in self._sampled() if stage == "denoise"]
        ends = [max(done) for done in zip(*(picture.steps for picture in self.pictures), strict=False)]
        return list(zip([*starts, *ends], ends, strict=False))
