"""Is the process alive, and can it do its work?"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from app import openapi_examples as examples
from app import openapi_parts as docs
from app import problem_types
from app.problems import Problem
from app.services import Services, ServicesDep

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Jobs submitted now are worked on."""

    status: Literal["ready"] = "ready"
    workers: int


@router.get("/healthz", summary="Alive", responses=docs.responses({200: examples.shown({"status": "ok"})}, ()))
async def healthz() -> Alive:
    """200 as long as the process answers at all; asks nobody else."""
    return Alive()


@router.get(
    "/readyz",
    summary="Ready",
    responses=docs.responses({200: examples.shown({"status": "ready", "workers": 2})}, (problem_types.NO_WORKER,)),
)
async def readyz(services: ServicesDep) -> Ready:
    """200 if Redis and the blob store answer and at least one warmed-up worker lives; else 503 with the reason."""
    await services.shelved(services.blobs.check)
    return await services.stored(_ready, services)


def _ready(services: Services) -> Ready:
    workers = services.workers.ready()
    if not workers:
        detail = "Redis answers, but no warmed-up worker is alive."
        raise Problem(problem_types.NO_WORKER, detail, headers={"Retry-After": "5"})
    return Ready(workers=len(workers))
