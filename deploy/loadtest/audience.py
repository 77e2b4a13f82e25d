"""Clients who watch jobs, all in one event loop: half ask again when the service says, half follow events.

A job has an audience of its own. When all of it has seen the end, the same clients watch the next job.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

FINAL = frozenset({"succeeded", "failed", "canceled"})
RETRY_S = 0.5
"""Before a request that failed, or a stream that broke, is tried again."""
DEFAULT_POLL_S = 1.0
FIRST_POLL_WITHIN_S = 1.0
MOST_HEARD_BEFORE_LEAVING = 10
REQUEST = aiohttp.ClientTimeout(total=30.0)
STREAM = aiohttp.ClientTimeout(total=None, sock_read=60.0)
"""A stream is never silent for longer than 15 seconds."""


@dataclass(frozen=True)
class Crowd:
    """How many clients watch how many `jobs` at a time, for how many seconds new jobs are submitted, and what they are.

    The first jobs are submitted within `ramp_s`, one after the other. A job that has not ended after `patience_s` has
    failed its audience.
    """

    clients: int
    jobs: int
    seconds: float
    steps: int = 20
    patience_s: float = 120.0
    seed: int = 0
    ramp_s: float = 0.0


@dataclass
class Noted:
    """What the clients came to.

    `status_s`: seconds from sending a poll to its whole answer; `lag_s`: seconds that it was sent too late.
    `lost` events are in the replay and were not heard; `repeated` ones were heard twice, or are not in the replay.
    `disagreeing` counts followers whose events were not the replay's, in its order.
    """

    status_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    jobs: int = 0
    events: int = 0
    resumed: int = 0
    lost: int = 0
    repeated: int = 0
    disagreeing: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def compare(self, heard: Sequence[str], replayed: Sequence[str]) -> None:
        """Count what one follower heard against a replay of the job, both as ids of events."""
        known = set(heard)
        self.events += len(heard)
        self.lost += len(set(replayed) - known)
        self.repeated += len(heard) - len(known & set(replayed))
        self.disagreeing += list(heard) != list(replayed)


class Audience:
    """The clients of a crowd, on one or more API processes of a service; they take turns in choosing one."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], crowd: Crowd) -> None:
        self.noted = Noted()
        self._session = session
        self._urls = urls
        self._crowd = crowd
        self._draw = Random(crowd.seed)

    async def watch(self) -> Noted:
        """Submit and watch until the time is over, and the last jobs to their ends."""
        until = time.monotonic() + self._crowd.seconds
        await asyncio.gather(*(self._one_after_another(seat, until) for seat in range(self._crowd.jobs)))
        return self.noted

    async def _one_after_another(self, seat: int, until: float) -> None:
        mine = range(seat, self._crowd.clients, self._crowd.jobs)
        await asyncio.sleep(self._crowd.ramp_s * seat / self._crowd.jobs)
        while time.monotonic() < until:
            links = await self._submit(self._urls[seat % len(self._urls)])
            if links is None:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                async with asyncio.timeout(self._crowd.patience_s):
                    await self._attend(links, mine)
            except TimeoutError:
                self.noted.failed["not ended in time"] += 1

    async def _attend(self, links: dict[str, str], clients: Sequence[int]) -> None:
        """All clients of one job, and after its end a replay of it, on any API process, for each of its followers."""
        followers, pollers = [], []
        for place, client in enumerate(clients):
            url = self._urls[client % len(self._urls)]
            if place % 2 == 0:
                pollers.append(self._poll(url + links["self"]))
            else:
                leaves_after = self._draw.randint(1, MOST_HEARD_BEFORE_LEAVING) if place % 4 == 1 else None
                followers.append(self._follow(url + links["events"], leaves_after))
        heard, _ = await asyncio.gather(asyncio.gather(*followers), asyncio.gather(*pollers))
        self.noted.jobs += 1
        if heard:
            replayed = await self._follow(self._draw.choice(self._urls) + links["events"], None)
            for one in heard:
                self.noted.compare(one, replayed)

    async def _submit(self, url: str) -> dict[str, str] | None:
        order = {"task": "generate", "steps": self._crowd.steps, "width_px": 128, "height_px": 128}
        try:
            async with self._session.post(f"{url}/v1/jobs", json=order, timeout=REQUEST) as response:
                if response.status == 202:
                    links: dict[str, str] = (await response.json())["links"]
                    return links
                self.noted.failed[f"submission: {response.status}"] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.noted.failed[f"submission: {type(error).__name__}"] += 1
        return None

    async def _poll(self, address: str) -> None:
        """Ask for the status as often as the service says, until it is final. Clients do not all begin at once."""
        due = time.monotonic() + self._draw.uniform(0.0, FIRST_POLL_WITHIN_S)
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent = time.monotonic()
            self.noted.lag_s.append(sent - due)
            pause_s: float | None = RETRY_S
            try:
                async with self._session.get(address, timeout=REQUEST) as response:
                    body = await response.json()
                self.noted.status_s.append(time.monotonic() - sent)
                pause_s = self._pause_s(response, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.noted.failed[f"status: {type(error).__name__}"] += 1
            if pause_s is None:
                return
            due = time.monotonic() + pause_s

    def _pause_s(self, response: aiohttp.ClientResponse, body: Any) -> float | None:  # noqa: ANN401  # JSON
        if response.status != 200:
            self.noted.failed[f"status: {response.status}"] += 1
            return RETRY_S
        return None if body["state"] in FINAL else float(response.headers.get("Retry-After", DEFAULT_POLL_S))

    async def _follow(self, address: str, leaves_after: int | None) -> list[str]:
        """Ids of the job's events, to its end. Who leaves after so many goes on once after the last one heard."""
        heard: list[str] = []
        while True:
            headers = {"Last-Event-ID": heard[-1]} if heard else {}
            try:
                async with self._session.get(address, headers=headers, timeout=STREAM) as response:
                    if response.status not in {200, 204}:
                        self.noted.failed[f"events: {response.status}"] += 1
                    elif await _heard_to_the_end(response, heard, leaves_after):
                        return heard
                    elif leaves_after is not None and len(heard) >= leaves_after:
                        leaves_after = None
                    else:
                        self.noted.failed["events: ended without the end"] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.noted.failed[f"events: {type(error).__name__}"] += 1
            self.noted.resumed += 1
            await asyncio.sleep(RETRY_S)


async def _heard_to_the_end(response: aiohttp.ClientResponse, heard: list[str], leaves_after: int | None) -> bool:
    """Adds ids to `heard`; False if the stream ended, or was left, before the job's end. 204: nothing is left."""
    async for event_id, name in events_of(response):
        heard.append(event_id)
        if name in FINAL:
            return True
        if leaves_after is not None and len(heard) >= leaves_after:
            return False
    return response.status == 204


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str]]:
    """Ids and names of server-sent events, as they come."""
    fields: dict[bytes, bytes] = {}
    async for raw in response.content:
        line = raw.rstrip(b"\r\n")
        if line:
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        elif fields:
            if b"id" in fields:
                yield fields[b"id"].decode(), fields[b"event"].decode()
            fields = {}
