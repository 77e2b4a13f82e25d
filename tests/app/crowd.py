"""Many followers at once, in a process of their own, so that they take no time from those who measure."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection

import httpx

from tests.app.service import ApiProcess
from tests.app.sse import Told, events_in

BEGIN_S, END_S = 240.0, 240.0
SPAWN = multiprocessing.get_context("spawn")


class Crowd:
    """One follower for each path; all have been answered when it has been made."""

    def __init__(self, api: ApiProcess, paths: list[str]) -> None:
        self._ours, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_main, args=(theirs, f"http://127.0.0.1:{api.port}", paths), daemon=True)
        self._process.start()
        assert self._ours.poll(BEGIN_S), "not all followers were answered"
        assert self._ours.recv() == "begun"

    def heard(self) -> list[list[Told]]:
        """What each was told, once all streams have ended."""
        assert self._ours.poll(END_S), "not all streams have ended"
        heard: list[list[Told]] = self._ours.recv()
        self._process.join(30)
        return heard


def _main(theirs: Connection, url: str, paths: list[str]) -> None:
    theirs.send(asyncio.run(_follow_all(url, paths, lambda: theirs.send("begun"))))


async def _follow_all(url: str, paths: list[str], begun: Callable[[], None]) -> list[list[Told]]:
    waiting = len(paths)

    async def follow(client: httpx.AsyncClient, path: str) -> list[Told]:
        nonlocal waiting
        async with client.stream("GET", path) as response:
            assert response.status_code == 200
            waiting -= 1
            if waiting == 0:
                begun()
            return list(events_in([line async for line in response.aiter_lines()]))

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=300, trust_env=False) as client:
        return await asyncio.gather(*(follow(client, path) for path in paths))
