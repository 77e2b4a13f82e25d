"""What both clients need to reach a service: its address, the caller's key, and what failed connections mean."""

from __future__ import annotations

import os

import httpx

from inlay import calls
from inlay.errors import ConnectionFailed, problem_error

DEFAULT_URL = "http://127.0.0.1:8000"
API_KEY_VARIABLE = "INLAY_API_KEY"


def authorization(api_key: str | None) -> dict[str, str]:
    """The header that carries `api_key`, else the environment's `INLAY_API_KEY`; none if there is no key."""
    key = api_key or os.environ.get(API_KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}


def on_this_machine(url: str) -> bool:
    """Whether `url` is a loopback address: then the environment's proxy settings are not for it."""
    return httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}


def successful(response: httpx.Response) -> httpx.Response:
    """The response itself if it is no error. Raises `ProblemError`."""
    if response.is_error:
        raise problem_error(calls.read_problem(response))
    return response


def unreachable(url: httpx.URL, error: httpx.TransportError) -> ConnectionFailed:
    """The error to raise for a connection that failed for good."""
    return ConnectionFailed(f"no answer from {url}: {str(error) or type(error).__name__}")
