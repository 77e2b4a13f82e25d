"""What can be asked for: models and limits."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import openapi_examples as examples
from app import openapi_parts as docs
from app.bodies import max_body_bytes
from app.conditional import LONGEST_WAIT_S
from app.file_checks import MIN_SIDE_PX
from app.services import Services, ServicesDep
from jobs.spec import TASKS

router = APIRouter(prefix="/v1", tags=["service"])


class Model(BaseModel):
    """A model that live workers serve."""

    id: str = Field(description="What to send as `model`.")
    native_size_px: int = Field(description="Side of the square that it was trained on.")
    tasks: list[str]
    workers: int = Field(description="Warmed-up workers that serve it.")


class OpenAIModel(BaseModel):
    """A model as OpenAI's clients know it."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(0, description="Always 0: nobody knows when its weights were made.")
    owned_by: str = "inlay"


class Models(BaseModel):
    """All models served now, told twice: `data` is what OpenAI's clients list."""

    models: list[Model]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class Limits(BaseModel):
    """What a request may be; beyond it there are problems."""

    max_upload_bytes: int = Field(description="Of one file.")
    max_body_bytes: int = Field(description="Of the whole request.")
    min_side_px: int = Field(description="Of pictures; of one to be upscaled, this divided by the factor.")
    max_pixels: int = Field(description="Width times height of pictures and masks.")
    max_decompression_ratio: int = Field(description="Of pictures that unpack to more than 32 MiB.")
    image_formats: list[str]
    max_queue_depth: int = Field(description="Jobs that may wait.")
    max_queue_bytes: int | None = Field(description="Of the pictures of all unfinished jobs; null: no bound.")
    max_wait_s: int = Field(description="Longest `Prefer: wait`.")
    result_ttl_s: int = Field(description="Seconds that a finished job and its pictures are kept.")
    idempotency_ttl_s: int = Field(description="Seconds that an `Idempotency-Key` stands for the same job.")
    rate_limit_jobs: int | None = Field(description="Submissions of one API key in `rate_window_s`; null: no keys.")
    rate_window_s: int | None = Field(description="Seconds over which submissions are counted; null: no keys.")
    max_active_jobs: int | None = Field(description="Jobs of one API key that may not be final; null: no keys.")
    tasks: list[str]


@router.get("/models", summary="Models", responses=docs.responses({200: examples.shown(examples.MODELS)}, ()))
async def list_models(services: ServicesDep) -> Models:
    """The models of all warmed-up workers."""
    return await services.stored(_models, services)


def _models(services: Services) -> Models:
    found: dict[str, Model] = {}
    for worker in services.workers.ready():
        model = found.setdefault(
            worker.model, Model(id=worker.model, native_size_px=worker.native_size_px, tasks=[], workers=0)
        )
        model.tasks += [task for task in worker.tasks if task not in model.tasks]
        model.workers += 1
    models = sorted(found.values(), key=lambda model: model.id)
    return Models(models=models, data=[OpenAIModel(id=model.id) for model in models])


@router.get("/limits", summary="Limits", responses=docs.responses({200: examples.shown(examples.LIMITS)}, ()))
async def get_limits(services: ServicesDep) -> Limits:
    """The service's limits; ranges of single parameters are in the OpenAPI description."""
    settings, keyed = services.settings, services.keys is not None
    return Limits(
        max_upload_bytes=settings.max_upload_bytes,
        max_body_bytes=max_body_bytes(settings),
        min_side_px=MIN_SIDE_PX,
        max_pixels=settings.max_pixels,
        max_decompression_ratio=settings.max_decompression_ratio,
        image_formats=["png", "jpeg", "webp", "gif"],
        max_queue_depth=settings.max_queue_depth,
        max_queue_bytes=settings.max_queue_bytes or None,
        max_wait_s=LONGEST_WAIT_S,
        result_ttl_s=settings.result_ttl_s,
        idempotency_ttl_s=settings.idempotency_ttl_s,
        rate_limit_jobs=settings.rate_limit_jobs if keyed else None,
        rate_window_s=settings.rate_window_s if keyed else None,
        max_active_jobs=settings.max_active_jobs if keyed else None,
        tasks=list(TASKS),
    )
