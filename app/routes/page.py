"""The web page at `/`, and its files under an address that changes when they do.

Every file but the page itself lies below a digest of all of them, so browsers may keep it for ever, and a page never
mixes the files of two versions: modules import each other by relative addresses, which share the digest.
"""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.conditional import client_has, etag_of, not_modified
from app.page_headers import page_headers

_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_HEADERS = page_headers("blob: data:")  # uploads and results; previews come as data URLs
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_ALWAYS = "no-cache"
_PAGE = "index.html"


def page_router() -> APIRouter:
    """The page's routes; its files are read here, once."""
    found = dict(_read(files("app") / "page"))
    page = found.pop(_PAGE).decode()
    version = _digest(found)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def get_page(request: Request) -> Response:
        """The page, with addresses that fit the prefix under which a proxy serves it."""
        root_path = str(request.scope.get("root_path", ""))
        return _answer(request, _addressed(page, version, root_path), _PAGE, _ASK_ALWAYS)

    @router.get("/page/{digest}/{name:path}")
    async def get_file(digest: str, name: str, request: Request) -> Response:
        """One of the page's files; those of another version are not here."""
        if digest != version or name not in found:
            raise HTTPException(404)
        return _answer(request, found[name], name, _FOR_EVER)

    return router


def _read(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Path and content of all files below a folder that the page may serve, in the order of their paths."""
    below: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            below += _read(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _MEDIA_TYPES:
            below.append((prefix + entry.name, entry.read_bytes()))
    return below


def _digest(found: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, content in found.items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def _addressed(page: str, version: str, root_path: str) -> bytes:
    """The page for a prefix. Without one its addresses stay relative, for proxies that tell nothing of theirs."""
    page = page.replace('"./page/', f'"./page/{version}/')
    return (page.replace('"./', f'"{root_path}/') if root_path else page).encode()


def _answer(request: Request, content: bytes, name: str, caching: str) -> Response:
    headers = _HEADERS | {"ETag": etag_of(content), "Cache-Control": caching}
    if client_has(request, headers["ETag"]):
        return not_modified(headers)
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[PurePosixPath(name).suffix])
