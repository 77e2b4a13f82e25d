"""Examples of bodies and answers in the OpenAPI description; those of jobs are made of the models themselves."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from fastapi.routing import APIRoute
from PIL import Image
from starlette.routing import BaseRoute

from app.images import to_png
from app.views import JobView, Links, ProgressView, ResultView, job_path
from jobs.errors import FailureCode
from jobs.record import Failure, JobState, Quality, Timings, UnderstoodInput
from jobs.spec import TASKS, CompleteSpec

Part = dict[str, Any]

JOB_ID = "3f2a9c1e5b7d4e6f8a0b1c2d3e4f5a6b"
FILE_EXAMPLE = "(the bytes of the file)"
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SPEC = CompleteSpec(seed=7)


@cache
def picture_example(mode: str, colour: str) -> str:
    """A small PNG in base64: a square in the middle, nothing around it."""
    image = Image.new(mode, (64, 64))
    image.paste(colour, (16, 16, 48, 48))
    return base64.b64encode(to_png(image)).decode()


def _job(state: JobState, *, step: int = 0, eta_s: float | None = 0.0, **told: object) -> Part:
    path = job_path(JOB_ID)
    nothing = dict.fromkeys(("queue_position", "started_at", "finished_at", "timings", "quality", "error"))
    started = {} if "queue_position" in told else {"started_at": _AT + timedelta(seconds=0.1)}
    ended = {"finished_at": _AT + timedelta(seconds=1.6)} if state.final else {}
    known: dict[str, Any] = {**nothing, **started, **ended, "cancel_requested": False, "results": [], **told}
    return JobView(
        id=JOB_ID,
        state=state,
        task=_SPEC.task,
        progress=ProgressView(step=step, steps=_SPEC.steps, eta_s=eta_s),
        parameters=_SPEC.model_dump(mode="json", exclude={"task", "metadata"}),
        seed=7,
        input=UnderstoodInput(width_px=128, height_px=128, format="png", mask_source="side", coverage=0.5),
        attempt=1 if started else 0,
        created_at=_AT,
        metadata={"order": "4711"},
        links=Links(self=path, result=f"{path}/result", events=f"{path}/events", cancel=f"{path}/cancel"),
        **known,
    ).model_dump(mode="json")


_TIMINGS = Timings(queue_s=0.1, run_s=1.5, nfe=40)
_PICTURE = ResultView(
    index=0,
    link=f"{job_path(JOB_ID)}/result/0",
    content_type="image/png",
    width_px=128,
    height_px=128,
    bytes=23456,
)
JOBS: dict[str, Part] = {
    "queued": _job(JobState.QUEUED, eta_s=4.5, queue_position=2),
    "running": _job(JobState.RUNNING, step=8, eta_s=0.9),
    "canceling": _job(JobState.RUNNING, step=8, eta_s=0.9, cancel_requested=True),
    "succeeded": _job(
        JobState.SUCCEEDED,
        step=20,
        timings=_TIMINGS,
        quality=Quality(known_region_max_abs_diff=0, residual=0.004),
        results=[_PICTURE],
    ),
    "failed": _job(
        JobState.FAILED,
        step=3,
        timings=_TIMINGS,
        error=Failure(code=FailureCode.DEADLINE_EXCEEDED, detail="The job was not done by its deadline."),
    ),
    "canceled": _job(JobState.CANCELED, step=8, cancel_requested=True),
}
"""The same job in all states that it might be in."""


def job_content(*names: str) -> Part:
    """The body of an answer that is a job, in these states."""
    return {"application/json": {"examples": {name: {"value": JOBS[name]} for name in names}}}


def shown(example: Part) -> Part:
    """An answer of 200 that is JSON."""
    return {"content": {"application/json": {"example": example}}}


JOB_PAGE: Part = {"jobs": [JOBS["succeeded"]], "next_cursor": "MTc2NzIyNTYwMDAwMA"}
DELIVERIES: Part = {
    "webhook_url": "https://example.com/hooks/inlay",
    "event": "job.succeeded",
    "state": "delivered",
    "next_attempt_at": None,
    "attempts": [
        {"attempt": 1, "at": "2026-01-01T00:00:02Z", "status": 503, "duration_s": 0.21, "error": "status"},
        {"attempt": 2, "at": "2026-01-01T00:00:08Z", "status": 204, "duration_s": 0.05, "error": None},
    ],
}
MODELS: Part = {
    "models": [{"id": "scenes-128", "native_size_px": 128, "tasks": ["complete", "inpaint"], "workers": 2}],
    "object": "list",
    "data": [{"id": "scenes-128", "object": "model", "created": 0, "owned_by": "inlay"}],
}
LIMITS: Part = {
    "max_upload_bytes": 20_971_520,
    "max_body_bytes": 56_972_630,
    "min_side_px": 64,
    "max_pixels": 40_000_000,
    "max_decompression_ratio": 500,
    "image_formats": ["png", "jpeg", "webp", "gif"],
    "max_queue_depth": 1000,
    "max_queue_bytes": 1_073_741_824,
    "max_wait_s": 30,
    "result_ttl_s": 86400,
    "idempotency_ttl_s": 86400,
    "rate_limit_jobs": 120,
    "rate_window_s": 60,
    "max_active_jobs": 100,
    "tasks": list(TASKS),
}
EVENTS: Part = {
    "progress": {
        "id": "1767225600000-0",
        "event": "progress",
        "data": '{"attempt": 1, "step": 3, "steps": 20, "eta_s": 1.7}',
    },
    "failed": {
        "id": "1767225600412-0",
        "event": "failed",
        "data": '{"attempt": 1, "error": {"code": "diverged", "detail": "The sampler diverged."}}',
    },
}


def restore(described: Part, routes: Iterable[BaseRoute]) -> None:
    """Gives answers their examples as the routes have them: FastAPI leaves out what is null in them."""
    for route in routes:
        if not isinstance(route, APIRoute) or route.path not in described["paths"]:
            continue
        for method in route.methods or ():
            answers = described["paths"][route.path][method.lower()]["responses"]
            for status, told in route.responses.items():
                for media_type, content in told.get("content", {}).items():
                    kept = {name: content[name] for name in ("example", "examples") if name in content}
                    answers[str(status)]["content"][media_type] |= kept
