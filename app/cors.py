"""Which pages of other origins may call the service from a browser."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.middleware import REQUEST_ID_HEADER
from jobs.origins import read_origins

PREFLIGHT_S = 600
METHODS = ("GET", "POST", "DELETE")
SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    REQUEST_ID_HEADER,
)
"""Headers of requests that browsers ask leave for."""

READ = (
    *("Content-Disposition", "ETag", "Idempotent-Replayed", "Location", "Preference-Applied"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID_HEADER),
)
"""Headers of answers that browsers would otherwise hide from the page."""


def allow_origins(app: FastAPI, origins: str | None) -> None:
    """Let pages of `origins`, as the setting names them, call the service; of none if it is unset.

    Never with cookies: callers are told apart by the key in `Authorization`, so no page acts for somebody by accident.
    """
    allowed = read_origins(origins or "")
    if allowed:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=allowed,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=PREFLIGHT_S,
        )
