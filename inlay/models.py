"""What the service says about a job, as typed values. Fields that a newer service adds are kept in `Job.raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypedDict

from inlay.timings import Timings, parse_timings

JobState = Literal["queued", "running", "succeeded", "failed", "canceled"]
Side = Literal["left", "right", "top", "bottom"]
FINAL_STATES: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})


class Output(TypedDict, total=False):
    """How results are encoded: `format`, and `quality` 1–100 for webp and jpeg."""

    format: Literal["png", "webp", "jpeg"]
    quality: int


class Parameters(TypedDict, total=False):
    """Parameters that every task takes; the service's own defaults hold for what is left out."""

    prompt: str
    negative_prompt: str
    guidance_scale: float
    steps: int
    solver: Literal["default", "newton"]
    inner_steps: int
    seed: int
    n: int
    model: str
    output: Output
    priority: Literal["normal", "high"]
    preserve_known: bool
    mask_feather_px: int
    deadline_s: float
    webhook_url: str
    metadata: dict[str, str]
    idempotency_key: str  # not for the sampling: the same submission under the same key is the same job


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
class Job:
    """A job as the service described it at one moment."""

    id: str
    state: JobState
    task: str
    progress: Progress
    queue_position: int | None
    parameters: Mapping[str, Any]
    seed: int | None
    timings: Timings
    quality: Quality
    error: JobFailure | None
    links: Mapping[str, str]
    created_at: datetime | None
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
    """Read the service's job JSON. Raises `KeyError` when it is not a job."""
    error = body.get("error")
    return Job(
        id=body["id"],
        state=body["state"],
        task=body["task"],
        progress=Progress(**_known(Progress, body.get("progress"))),
        queue_position=body.get("queue_position"),
        parameters=body.get("parameters") or {},
        seed=body.get("seed"),
        timings=parse_timings(body.get("timings") or {}),
        quality=Quality(**_known(Quality, body.get("quality"))),
        error=JobFailure(error.get("code", "unknown"), error.get("detail") or "") if error else None,
        links=body.get("links") or {},
        created_at=datetime.fromisoformat(body["created_at"]) if body.get("created_at") else None,
        raw=body,
    )


def _known(kind: type[Progress | Quality], values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of `values` that the dataclass `kind` has fields for."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in (values or {}).items() if name in names}
