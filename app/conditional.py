"""Answers that a client may already have (ETag, RFC 9110), and how long it is ready to wait (Prefer, RFC 7240)."""

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

LONGEST_WAIT_S = 30
_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?', re.IGNORECASE | re.ASCII)


def etag_of(content: bytes) -> str:
    """A strong validator for these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def client_has(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this validator."""
    known = [tag.strip().removeprefix("W/") for tag in ",".join(request.headers.getlist("if-none-match")).split(",")]
    return etag in known or "*" in known


def not_modified(headers: dict[str, str]) -> Response:
    """304 with the headers that the full answer would have had."""
    return Response(status_code=304, headers=headers)


def preferred_wait_s(request: Request) -> int | None:
    """Seconds of `Prefer: wait=N`, 30 at most; None without one. A preference that makes no sense is ignored."""
    for preference in ",".join(request.headers.getlist("prefer")).split(","):
        found = _WAIT.fullmatch(preference.partition(";")[0].strip())
        if found:
            return min(int(found[1]), LONGEST_WAIT_S)
    return None
