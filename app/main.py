"""The HTTP application, put together in reading order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.client import METHOD_NOT_ALLOWED
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from PIL import Image
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from app.auth import require_caller
from app.bodies import max_body_bytes
from app.body_guard import BodyGuard, BodyLimits
from app.browser_guard import BrowserGuard
from app.cors import allow_origins
from app.heads import Heads, is_monitored
from app.middleware import LastDefence, RequestIds, current_request_id
from app.observing import Observing
from app.openapi_bodies import complete
from app.openapi_examples import restore
from app.page_headers import answer_headers
from app.problems import Problem, from_http_status, store_failed
from app.rendering import answer_to
from app.routes import (
    deliveries,
    docs_page,
    events,
    health,
    jobs,
    listing,
    metrics,
    models,
    openai_images,
    page,
    problem_page,
    results,
)
from app.services import open_services
from app.validation import from_validation_errors
from app.webhooks.courier import Courier
from jobs.errors import BlobsAway
from jobs.settings import Settings

log = structlog.get_logger(__name__)

DESCRIPTION = (
    "Constrained image sampling: complete, repaint, enlarge, colour or sharpen a picture, or paint one from words. "
    "A job is submitted, followed, and fetched. Every error is a problem (RFC 9457) with a stable code."
)

PROTECTED = (jobs, listing, events, deliveries, results, models, openai_images)
"""Rooms whose routes ask for a key, where there are keys."""
OPEN = (health, problem_page, docs_page)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; settings come from the environment unless given. Nothing is connected before a request.

    Raises:
        KeyFileUnusable: there are to be API keys, but their file cannot be read.
        BlobsUnusable: pictures cannot be kept where they are to be.
        TracingUnavailable: there are to be traces, but what sends them is not installed.
    """
    settings = settings or Settings()
    Image.MAX_IMAGE_PIXELS = None  # app.images has checked the size, by our own setting, before Pillow opens a file

    app = FastAPI(
        title="Inlay",
        version=version("inlay"),
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url="/openapi.json",
        docs_url=None,  # ours names no other host
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `Observing` does it, and asks no environment
        redirect_slashes=False,  # an upload sent to a wrong address should learn so at once
        lifespan=_lifespan,
    )
    app.state.services = open_services(settings)
    limits = BodyLimits(max_body_bytes(settings), settings.max_inflight_bytes, settings.body_timeout_s)

    app.add_middleware(Heads)  # each is added around those before it
    if settings.api_keys_file is None:
        app.add_middleware(BrowserGuard, settings=settings)
    app.add_middleware(BodyGuard, limits=limits)
    app.add_middleware(LastDefence)
    allow_origins(app, settings.cors_origins)
    app.add_middleware(RequestIds, headers=answer_headers(shared=bool((settings.cors_origins or "").strip())))
    app.add_middleware(Observing, services=app.state.services)  # added last, so it is outermost

    for kind in (Problem, HTTPException, RequestValidationError, RedisError, BlobsAway):
        app.add_exception_handler(kind, _on_error)

    for room in PROTECTED:
        app.include_router(room.router, dependencies=[require_caller])
    for room in OPEN:
        app.include_router(room.router)
    if settings.page:
        app.include_router(page.page_router())
    if settings.metrics != "off":
        app.include_router(metrics.router, dependencies=[require_caller] if settings.metrics == "key" else [])
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend OpenAPI
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    delivering = asyncio.create_task(Courier(app.state.services).run())
    yield
    delivering.cancel()
    with suppress(asyncio.CancelledError):
        await delivering
    app.state.services.redis.close()
    app.state.services.metrics.watch.close()


async def _on_error(request: Request, error: Exception) -> Response:
    """Renders every error that somebody raised on purpose; the others are `LastDefence`'s to catch."""
    match error:
        case Problem():
            problem, status = error, None
        case HTTPException(status_code=status, headers=headers):
            problem = from_http_status(status, headers)
            if status == METHOD_NOT_ALLOWED:
                problem.headers["Allow"] = _allowed(request, problem.headers.get("Allow", ""))
        case RequestValidationError():
            places = [{**complaint, "loc": complaint["loc"][1:]} for complaint in error.errors()]
            problem, status = from_validation_errors(places), None
        case _:
            problem, status = store_failed(error, request.url.path), None
    log.info("request_refused", code=problem.kind.code, detail=problem.detail, path=request.url.path)
    return answer_to(problem, request.scope, current_request_id(), status)


def _allowed(request: Request, first: str) -> str:
    """All methods of the address; the framework names those of the first route that fits it only."""
    routes = [route for room in (*PROTECTED, *OPEN) for route in room.router.routes if isinstance(route, Route)]
    fitting = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    heads = {"HEAD"} if is_monitored(request.scope) else set[str]()
    return ", ".join(sorted(set(first.split(", ")).union(heads, *fitting) - {""}))


def _describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 with the bodies and problems that FastAPI cannot see in signatures."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        restore(described, (route for room in (*PROTECTED, *OPEN, metrics) for route in room.router.routes))
        app.openapi_schema = complete(described, url_inputs=app.state.services.settings.url_inputs)
    return app.openapi_schema
