"""Both clients through one call, on a scripted service."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from inlay import (
    AsyncClient,
    Client,
    RetryPolicy,
)
from tests.inlay.fake_service import ScriptedService

SWIFT = RetryPolicy(attempts=3, first_delay_s=0.001, longest_delay_s=0.05)
REFUSED_CONNECTION = httpx.ConnectError("refused")
BROKEN_ANSWER = httpx.ReadError("reset")
ITERATORS = {"follow", "jobs", "poll"}


class Caller:
    """Calls a client's method by name, blocking or with asyncio, so that both are held to the same tests."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def __call__(self, service: ScriptedService, method: str, *args: Any, **options: Any) -> Any:
        if not self.asynchronous:
            with Client("http://service", retries=SWIFT, transport=service) as client:
                answer = getattr(client, method)(*args, **options)
                return list(answer) if method in ITERATORS else answer
        return asyncio.run(self._awaited(service, method, *args, **options))

    async def _awaited(self, service: ScriptedService, method: str, *args: Any, **options: Any) -> Any:
        async with AsyncClient("http://service", retries=SWIFT, transport=service) as client:
            answer = getattr(client, method)(*args, **options)
            return [job async for job in answer] if method in ITERATORS else await answer


def multipart(request: httpx.Request) -> dict[str, bytes]:
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = {}
    for part in request.content.split(b"--" + boundary)[1:-1]:
        head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
        parts[head.partition(b'name="')[2].partition(b'"')[0].decode()] = body
    return parts
