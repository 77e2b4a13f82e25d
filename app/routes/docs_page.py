"""Swagger UI at `/docs`, every file of it from here: FastAPI's own page loads them from another host.

The policy allows no inline script and no other host, so it works without the internet, and a description that was
tampered with cannot make a browser call anybody. Addresses are relative: they fit any prefix of a proxy.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.conditional import client_has, etag_of, not_modified
from app.page_headers import page_headers

router = APIRouter(include_in_schema=False)

_HEADERS = {**page_headers("data:"), "Cache-Control": "no-cache"}  # icons in Swagger UI's style sheet
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Inlay: API</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/files/swagger-ui.css">
<div id="ui"></div>
<script src="docs/files/swagger-ui-bundle.js"></script><script src="docs/files/start.js"></script></html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null, // it would send the description to another host
  presets: [SwaggerUIBundle.presets.apis],
});
"""
_BUNDLED = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """The page."""
    return _answer(request, _PAGE.encode(), "text/html")


@router.get("/docs/files/{name}")
async def docs_file(name: str, request: Request) -> Response:
    """Swagger UI, or the few lines that start it."""
    if name == "start.js":
        return _answer(request, _START.encode(), "text/javascript")
    if name not in _BUNDLED:
        raise HTTPException(404)
    return _answer(request, _bundled(name), _BUNDLED[name])


@cache
def _bundled(name: str) -> bytes:
    return (files("fastapi_swagger") / "resources" / name).read_bytes()


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    headers = _HEADERS | {"ETag": etag_of(content)}
    if client_has(request, headers["ETag"]):
        return not_modified(headers)
    return Response(content, headers=headers, media_type=media_type)
