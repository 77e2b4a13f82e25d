"""What the service says about a job, as typed values. Fields that a newer service adds are kept in `Job.raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

from inlay.timings import Timings, parse_timings

JobState = Literal["queued", "running", "succeeded", "failed", "canceled"]
FINAL_STATES: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})

PartT = TypeVar("PartT", "Progress", "Quality", "Input", "Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """Step `step` of `steps`; `eta_s` seconds to go, `None` while unknown."""

    step: int = 0
    steps: int = 0
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Largest difference of a known pixel (0–255 levels) and the constraint's residual; `None` while unknown."""

    known_region_max_abs_diff: float | None = None
    residual: float | None = None


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed: a stable code and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Input:
    """What the service understood of the upload; `None` where there is no such thing, as a mask.

    The result's size is the picture's own where it is `None`. `coverage` is the share that is drawn, 0 to 1.
    """

    width_px: int
    height_px: int
    result_width_px: int | None = None
    result_height_px: int | None = None
    format: str | None = None
    mask_source: str | None = None
    mask_polarity: str | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One finished picture, `bytes` long; picture `index` was made with the job's `seed + index`."""

    index: int
    link: str
    content_type: str
    width_px: int
    height_px: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the service described it at one moment. `attempt`: workers that have started on it."""

    id: str
    state: JobState
    task: str
    progress: Progress
    queue_position: int | None
    parameters: Mapping[str, Any]
    seed: int | None
    input: Input | None
    attempt: int | None
    cancel_requested: bool
    timings: Timings
    quality: Quality
    error: JobFailure | None
    results: tuple[Result, ...]
    metadata: Mapping[str, str]
    links: Mapping[str, str]
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    raw: Mapping[str, Any]

    @property
    def final(self) -> bool:
        """Whether the state can no longer change."""
        return self.state in FINAL_STATES


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver a webhook; `error` is `None` if it was delivered, `status` if nothing answered."""

    attempt: int
    at: str
    status: int | None
    duration_s: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What became of a job's webhook; `event` and `state` are `None` before the job has ended."""

    webhook_url: str | None
    event: str | None
    state: Literal["pending", "delivered", "given_up"] | None
    next_attempt_at: str | None
    attempts: tuple[Attempt, ...]


def parse_deliveries(body: Mapping[str, Any]) -> Deliveries:
    """Read the service's JSON about a webhook. Raises `KeyError` when it is not that."""
    attempts = tuple(Attempt(**{name: one[name] for name in _ATTEMPT}) for one in body["attempts"])
    return Deliveries(body["webhook_url"], body["event"], body["state"], body["next_attempt_at"], attempts)


_ATTEMPT = tuple(field.name for field in fields(Attempt))


def parse_job(body: Mapping[str, Any]) -> Job:
    """Read the service's job JSON. Raises `KeyError` or `TypeError` when it is not a job."""
    error = body.get("error")
    return Job(
        id=body["id"],
        state=body["state"],
        task=body["task"],
        progress=_part(Progress, body.get("progress") or {}),
        queue_position=body.get("queue_position"),
        parameters=body.get("parameters") or {},
        seed=body.get("seed"),
        input=_part(Input, body["input"]) if body.get("input") else None,
        attempt=body.get("attempt"),
        cancel_requested=bool(body.get("cancel_requested")),
        timings=parse_timings(body.get("timings") or {}),
        quality=_part(Quality, body.get("quality") or {}),
        error=JobFailure(error.get("code", "unknown"), error.get("detail") or "") if error else None,
        results=tuple(_part(Result, one) for one in body.get("results") or ()),
        metadata=body.get("metadata") or {},
        links=body.get("links") or {},
        created_at=_time(body.get("created_at")),
        started_at=_time(body.get("started_at")),
        finished_at=_time(body.get("finished_at")),
        raw=body,
    )


def _part(kind: type[PartT], told: Mapping[str, Any]) -> PartT:
    """Those of the `told` values that the dataclass `kind` has fields for. Raises `TypeError` if one is missing."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in told.items() if name in names})


def _time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
