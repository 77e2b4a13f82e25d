"""Requests that wait for a job: its events wake them, so that waiting costs Redis nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request

from app.following import Follower
from app.problems import Problem
from app.services import Services
from jobs.events import BEFORE_ALL
from jobs.record import JobRecord

LOOK_FOR_END_S, LOOK_FOR_CHANGE_S = 30.0, 5.0
"""Longest times without a look at the record. What no event tells, as a place in the queue, is seen so late."""
LOOK_UNTOLD_S = 1.0
"""Likewise where nothing will be told any more, as the job's channel was closed."""


class Watch:
    """One request's wait for a job; `left` once its client is gone."""

    def __init__(self, follower: Follower, *, every_event: bool) -> None:
        self.left = False
        self._follower = follower
        self._every_event = every_event
        self._look_s = LOOK_FOR_CHANGE_S if every_event else LOOK_FOR_END_S
        self._known: object = None if every_event else (False, False)

    async def news(self, within_s: float) -> None:
        """Return when it is time to look at the record: something was told, the client left, or the time is over.

        What was told counts once, so that a stream that ends before its record does not become a busy loop. With
        `every_event` the first call returns at once: something may have happened just before the watch began.
        """
        look_s = LOOK_UNTOLD_S if self._follower.channel.closed else self._look_s
        until = time.monotonic() + min(within_s, look_s)
        while not self.left and self._told() == self._known:
            if not await self._follower.woken(until - time.monotonic()):
                return
        self._known = self._told()

    def _told(self) -> object:
        channel = self._follower.channel
        return (channel.last_id if self._every_event else channel.ended, channel.closed)

    async def see_off(self, request: Request) -> None:
        """Wait until the client is gone; one whose body is refused has nothing to wait for, either."""
        with suppress(Problem):
            while (await request.receive())["type"] != "http.disconnect":
                continue
        self.left = True
        self._follower.wake()


@asynccontextmanager
async def watching(
    request: Request, services: Services, record: JobRecord, *, every_event: bool = False
) -> AsyncIterator[Watch]:
    """Watch a job for its end, or for everything that is told of it.

    Look at the record at least once inside: what happened before is not told.

    Raises:
        RedisError: the job's past cannot be read now.
    """
    follower = await services.following.join(record, BEFORE_ALL, previews=False)
    watch = Watch(follower, every_event=every_event)
    leaving = asyncio.create_task(watch.see_off(request))
    try:
        yield watch
    finally:
        leaving.cancel()
        follower.leave()
