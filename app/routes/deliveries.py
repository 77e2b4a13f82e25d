"""What became of a job's webhook."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app import openapi_examples as examples
from app import openapi_parts as docs
from app import problem_types
from app.auth import CallerDep
from app.lookup import find_job
from app.services import Services, ServicesDep
from jobs.deliveries import Attempt

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class Deliveries(BaseModel):
    """A job's webhook and the attempts to deliver it, oldest first."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    webhook_url: str | None = Field(description="As given; null: the job has no webhook.")
    event: str | None = Field(description="`job.succeeded`, `job.failed` or `job.canceled`; null before the job's end.")
    state: Literal["pending", "delivered", "given_up"] | None = Field(description="Null before the job's end.")
    next_attempt_at: datetime | None = Field(
        description="The next attempt, or the end of the time that one under way has; null unless pending."
    )
    attempts: list[Attempt]


@router.get(
    "/{job_id}/deliveries",
    summary="What became of the webhook",
    responses=docs.responses(
        {200: examples.shown(examples.DELIVERIES)}, (problem_types.JOB_NOT_FOUND, problem_types.JOB_EXPIRED)
    ),
)
async def list_deliveries(job_id: str, services: ServicesDep, caller: CallerDep) -> Deliveries:
    """Every attempt to deliver the job's webhook, with time, status, duration and error; kept as long as the job."""
    return await services.stored(_deliveries, services, caller, job_id)


def _deliveries(services: Services, caller: str, job_id: str) -> Deliveries:
    url = find_job(services, caller, job_id).spec.webhook_url
    log = services.deliveries.log(job_id)
    if log is None:
        return Deliveries(webhook_url=url, event=None, state=None, next_attempt_at=None, attempts=[])
    return Deliveries(
        webhook_url=url,
        event=log.event,
        state=log.state.value,
        next_attempt_at=log.next_attempt_at,
        attempts=log.attempts,
    )
