"""Pictures for OpenAI's clients: the request waits for its job and is answered with what came of it."""

from base64 import b64encode

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.accept import accept
from app.auth import CallerDep
from app.finished import address, fetch
from app.key_header import IdempotencyKey, check_key
from app.openai_errors import PREFIX
from app.openai_parts import edit_body, generation_body, openai_responses
from app.openai_requests import Asked, read_edit, read_generation
from app.openai_waiting import ended_well
from app.rate_limit import spend, telling
from app.services import Services, ServicesDep
from jobs.record import JobRecord

router = APIRouter(prefix=PREFIX, tags=["openai"])


class OpenAIImage(BaseModel):
    """One picture, in one of the two ways."""

    b64_json: str | None = Field(None, description="The file in base64.")
    url: str | None = Field(None, description="Where the file can be fetched.")


class OpenAIImages(BaseModel):
    """What came of a request; there is no `usage`, as nothing is counted in tokens."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    created: int = Field(description="Unix time in seconds at which the job was accepted.")
    data: list[OpenAIImage]


@router.post(
    "/generations",
    summary="Generate pictures (OpenAI)",
    response_model=OpenAIImages,
    responses=openai_responses(),
    openapi_extra={"requestBody": generation_body()},
)
async def generate_images(
    request: Request, services: ServicesDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Response:
    """Paints pictures from a prompt: the task `generate`, as OpenAI's clients ask for it."""
    headers = await services.stored(spend, services, caller)
    with telling(headers):
        with services.metrics.counting_refusals():
            check_key(idempotency_key)
            asked = await read_generation(request, services)
        return await _answer(request, services, caller, asked, idempotency_key, headers)


@router.post(
    "/edits",
    summary="Edit a picture (OpenAI)",
    response_model=OpenAIImages,
    responses=openai_responses(),
    openapi_extra={"requestBody": edit_body()},
)
async def edit_image(
    request: Request, services: ServicesDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Response:
    """Paints a picture anew where the mask is transparent: the task `inpaint`, as OpenAI's clients ask for it."""
    headers = await services.stored(spend, services, caller)
    with telling(headers):
        with services.metrics.counting_refusals():
            check_key(idempotency_key)
            asked = await read_edit(request, services)
        return await _answer(request, services, caller, asked, idempotency_key, headers)


async def _answer(
    request: Request, services: Services, caller: str, asked: Asked, key: str | None, headers: dict[str, str]
) -> Response:
    accepted = await accept(services, caller, asked.submission, key)
    record = await ended_well(request, services, accepted, keyed=key is not None)
    base = str(request.base_url).rstrip("/")
    data = await services.shelved(_by_address if asked.as_url else _by_content, services, record, base)
    images = OpenAIImages(created=int(record.created_at.timestamp()), data=data)
    content = await services.decoded(images.model_dump_json, exclude_none=True)
    headers |= {"Cache-Control": "no-store", "X-Inlay-Job": record.id}
    return Response(content, headers=headers, media_type="application/json")


def _by_content(services: Services, record: JobRecord, base: str) -> list[OpenAIImage]:
    return [OpenAIImage(b64_json=b64encode(fetch(services, one).data).decode()) for one in record.results]


def _by_address(services: Services, record: JobRecord, base: str) -> list[OpenAIImage]:
    """Presigned where there is such a thing; else our own, where a key is asked for as everywhere."""
    return [
        OpenAIImage(url=address(services, record.id, index, one) or f"{base}/v1/jobs/{record.id}/result/{index}")
        for index, one in enumerate(record.results)
    ]
