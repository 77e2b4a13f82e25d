"""The job as clients see it. The record is the truth; this is its face."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.availability import Place, estimate_s
from app.services import Services
from jobs.record import Failure, JobRecord, JobState, Quality, Timings, UnderstoodInput


class ProgressView(BaseModel):
    """How far the job is."""

    step: int = Field(description="Denoising steps done.")
    steps: int = Field(description="Denoising steps in all.")
    eta_s: float | None = Field(description="Seconds until the end, from measured pace; null before any measurement.")


class ResultView(BaseModel):
    """One finished picture."""

    index: int = Field(description="0 to n - 1; picture i was made with seed + i.")
    link: str
    content_type: str
    width_px: int
    height_px: int
    bytes: int


class Links(BaseModel):
    """Where to go on from here."""

    self: str
    result: str
    events: str
    cancel: str


class JobView(BaseModel):
    """A job: its state, what was understood, and what came of it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: str
    state: JobState = Field(description="The last three are final.")
    task: str
    progress: ProgressView
    queue_position: int | None = Field(description="Jobs that wait before this one; null unless queued.")
    parameters: dict[str, Any] = Field(description="All parameters with their defaults, and the effective seed.")
    seed: int = Field(description="Effective seed; sent again with the same parameters it gives the same picture.")
    input: UnderstoodInput | None = Field(description="What the service understood of the upload.")
    attempt: int = Field(description="Workers that have started on it.")
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    timings: Timings | None
    quality: Quality | None
    error: Failure | None = Field(description="Why it failed.")
    results: list[ResultView]
    metadata: dict[str, str]
    links: Links


def view(services: Services, record: JobRecord, base_path: str = "", place: Place | None = None) -> JobView:
    """The job's face now; asks Redis for its place in the queue unless it is given. `base_path` precedes all links."""
    place = place or _place(services, record)
    path = job_path(record.id, base_path)
    step = record.progress.step if record.progress else 0
    return JobView(
        id=record.id,
        state=record.state,
        task=record.spec.task,
        progress=ProgressView(step=step, steps=record.spec.steps, eta_s=place.eta_s),
        queue_position=place.queue_position,
        parameters=record.spec.model_dump(mode="json", exclude={"task", "metadata"}) | {"seed": record.seed},
        seed=record.seed,
        input=record.input,
        attempt=record.attempt,
        cancel_requested=record.cancel_requested,
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        timings=record.timings,
        quality=record.quality,
        error=record.error,
        results=_results(record, path),
        metadata=record.metadata,
        links=Links(self=path, result=f"{path}/result", events=f"{path}/events", cancel=f"{path}/cancel"),
    )


def job_path(job_id: str, base_path: str = "") -> str:
    """Path of a job."""
    return f"{base_path}/v1/jobs/{job_id}"


def _place(services: Services, record: JobRecord) -> Place:
    position = services.store.queue_position(record.id) if record.state is JobState.QUEUED else None
    return Place(position, estimate_s(services, record, position))


def _results(record: JobRecord, path: str) -> list[ResultView]:
    return [
        ResultView(
            index=index,
            link=f"{path}/result/{index}",
            content_type=result.content_type,
            width_px=result.width_px,
            height_px=result.height_px,
            bytes=result.bytes,
        )
        for index, result in enumerate(record.results)
    ]
