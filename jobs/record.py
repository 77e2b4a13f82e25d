"""The job record: the single truth about a job, and the transitions it may make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from jobs.errors import FailureCode
from jobs.spec import JobSpec
from jobs.timeline import Timeline


class JobState(StrEnum):
    """Where a job is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether the job will never change again."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})

ALLOWED_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELED}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELED: frozenset(),
}
"""`running` goes back to `queued` when a worker dies or is drained."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UnderstoodInput(_Part):
    """What the service understood of the upload, echoed to the client."""

    width_px: int
    height_px: int
    result_width_px: int | None = Field(
        None, description="Width of the result; None where `width_px` is it, as no picture is changed."
    )
    result_height_px: int | None = Field(None, description="Height of the result, likewise.")
    format: str | None = Field(None, description="Format of the uploaded file, read from its content.")
    mask_source: str | None = Field(None, description="`file`, `alpha`, `side` or `margins`; None if there is no mask.")
    mask_polarity: str | None = None
    coverage: float | None = Field(None, description="Share of the picture that is painted anew, 0 to 1.")


class Progress(_Part):
    """How far a running job is."""

    step: int
    steps: int
    eta_s: float | None = Field(None, description="Seconds until the end, from the measured pace of this job.")


class Timings(_Part):
    """Measured on the way."""

    queue_s: float = Field(description="Seconds from submission to the start of the last attempt.")
    run_s: float = Field(description="Seconds of the last attempt.")
    nfe: int = Field(description="Network evaluations, of all pictures together.")
    timeline: Timeline | None = Field(None, description="Where the time of the last attempt went.")


class Origin(_Part):
    """The request that submitted the job, as logs and traces name it."""

    request_id: str | None = None
    traceparent: str | None = Field(None, description="W3C Trace Context of the submission.")


class Quality(_Part):
    """Measured on the result."""

    known_region_max_abs_diff: int | None = Field(
        None, description="Largest difference of a known pixel to the upload, 0 to 255, over all pictures, in the file."
    )
    residual: float | None = Field(
        None,
        description="How far the constraint is from being met, largest of all pictures: for a known region in latents, "
        "for `upscale`, `colorize` and `deblur` the root mean square in the file's pixels, which lie in [-1, 1], for "
        "`style` the relative distance of the Gram matrices.",
    )


class Failure(_Part):
    """Why a job failed; safe to show to a client."""

    code: FailureCode
    detail: str


class Result(_Part):
    """One finished picture."""

    blob: str = Field(description="Key in the blob store.")
    content_type: str
    width_px: int
    height_px: int
    bytes: int


class JobRecord(BaseModel):
    """Everything that is known about one job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    caller: str = Field("anonymous", description="Who submitted it; jobs of other callers are not visible.")
    state: JobState = JobState.QUEUED
    spec: JobSpec
    seed: int = Field(ge=0, le=2**63 - 1, description="Effective seed of the first picture.")
    input: UnderstoodInput | None = None
    inputs: dict[str, str] = Field(default_factory=dict, description="Blob keys by name: `image`, `mask`, `reference`.")
    progress: Progress | None = None
    attempt: int = Field(0, description="Executions started so far that were not given back in order.")
    worker: str | None = Field(None, description="Name of the worker that runs it.")
    cancel_requested: bool = False
    cancel_requested_at: datetime | None = Field(None, description="When a running job was first to be canceled.")
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None
    timings: Timings | None = None
    quality: Quality | None = None
    error: Failure | None = None
    results: list[Result] = Field(default_factory=list)
    metadata: dict[str, str] = Field(default_factory=dict)
    origin: Origin | None = None

    def deadline(self) -> float | None:
        """Unix time in seconds at which the job is too late, or None."""
        if self.spec.deadline_s is None:
            return None
        return self.created_at.timestamp() + self.spec.deadline_s


@dataclass(frozen=True)
class ActiveClaim:
    """The few fields of an active job that the search for abandoned jobs needs; times are Unix seconds."""

    id: str
    state: JobState
    worker: str | None
    attempt: int
    created_at: float
    deadline: float | None
    task: str


class RecordChanges(TypedDict, total=False):
    """Fields that a transition may set along with the state."""

    progress: Progress | None
    attempt: int
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    timings: Timings | None
    quality: Quality | None
    error: Failure | None
    results: list[Result]
