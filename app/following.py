"""Any number of followers on one connection to Redis: a single reader that fans out what happens to the jobs."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog
from redis.exceptions import RedisError

from app.channel import HEARTBEAT_S, Channel, happens, wake
from app.event_frames import HEARTBEAT, START, closing_event
from jobs.events import EventId, EventLog
from jobs.record import JobRecord

log = structlog.get_logger(__name__)
T = TypeVar("T")

READ_WAIT_MS = 200
"""How long a read waits for events: also the longest time until a newly followed job is read."""
READ_PAUSE_S = 0.03
"""Between two reads, so that many jobs' events are told together instead of one read each."""
UPKEEP_S = 10.0
AWAY_PAUSE_S = 0.5


class Following:
    """The followers of this process. For the event loop's thread only; Redis is asked in a thread of its own.

    `stopping` answers whether the server wants to end; then all streams end, and clients come back elsewhere.
    """

    def __init__(self, events: EventLog, stopping: Callable[[], bool]) -> None:
        self._events = events
        self._stopping = stopping
        self._channels: dict[str, Channel] = {}
        self._reader: asyncio.Task[None] | None = None
        self._gone: set[str] = set()
        self._asking = anyio.CapacityLimiter(2)

    async def follow(self, record: JobRecord, after: EventId, *, previews: bool) -> "Follower | None":
        """Begin to follow a job after the event `after`; None if it has ended and nothing comes after that.

        Raises:
            RedisError: its past cannot be read now.
        """
        follower = await self.join(record, after, previews=previews)
        if follower.channel.ended and follower.channel.last_id <= after:
            follower.leave()
            return None
        return follower

    async def join(self, record: JobRecord, after: EventId, *, previews: bool) -> "Follower":
        """As `follow`, also where nothing will come any more."""
        follower = Follower(self, self._channels.setdefault(record.id, Channel(record.id)), after, previews=previews)
        try:
            await self._load(follower.channel, record, previews=previews)
        except BaseException:
            follower.leave()
            raise
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_on())
        return follower

    async def _load(self, channel: Channel, record: JobRecord, *, previews: bool) -> None:
        async with channel.loading:
            if not channel.loaded:
                channel.extend(await self._ask(lambda: self._events.past(channel.job_id)))
                channel.loaded = True
        if record.state.final and not channel.ended:
            channel.extend(await self._ask(lambda: self._events.past(channel.job_id)))
        if record.state.final and not channel.ended:
            channel.extend([closing_event(record, channel.last_id)])
        if previews and not channel.ended:
            await self._ask(lambda: self._events.want_previews([channel.job_id]))

    def forget(self, channel: Channel) -> None:
        """Read a job no more that nobody follows."""
        if not channel.followers and self._channels.get(channel.job_id) is channel:
            del self._channels[channel.job_id]

    @property
    def stopping(self) -> bool:
        """Whether all streams shall end."""
        return self._stopping()

    async def _read_on(self) -> None:
        """Read for all followers as long as there are any; nothing that Redis does ends it."""
        upkeep_at = time.monotonic() + UPKEEP_S
        try:
            while self._channels and not self.stopping:
                try:
                    await self._read()
                    if time.monotonic() >= upkeep_at:
                        upkeep_at = time.monotonic() + UPKEEP_S
                        await self._keep_up()
                except RedisError as error:
                    log.warning("events_not_read", error=repr(error))
                    await asyncio.sleep(AWAY_PAUSE_S)
        except Exception:  # the edge of the reader: its followers come back and start another one
            log.exception("events_reader_failed")
        finally:
            await self._close(list(self._channels.values()))

    async def _read(self) -> None:
        live = {one.job_id: one for one in self._channels.values() if one.loaded and not one.ended and not one.closed}
        if not live:
            await asyncio.sleep(READ_WAIT_MS / 1000)
            return
        after = {job_id: channel.last_id for job_id, channel in live.items()}
        found = await self._ask(lambda: self._events.later(after, wait_ms=READ_WAIT_MS))
        for job_id, events in found.items():
            live[job_id].extend(events)
        await wake(live[job_id] for job_id in found)
        await asyncio.sleep(READ_PAUSE_S)

    async def _keep_up(self) -> None:
        """Ask for previews again; let go of jobs that are gone without a word, as with a Redis that lost its data."""
        live = {job_id: one for job_id, one in self._channels.items() if one.loaded and not one.ended}
        watched = [job_id for job_id, channel in live.items() if channel.watchers]
        if watched:
            await self._ask(lambda: self._events.want_previews(watched))
        gone = live.keys() - (await self._ask(lambda: self._events.kept(list(live))) if live else set())
        # Only what is gone for the second time: who deletes a job tells it right after.
        await self._close([live[job_id] for job_id in gone & self._gone])
        self._gone = gone

    async def _close(self, channels: list[Channel]) -> None:
        for channel in channels:
            channel.closed = True
            self._channels.pop(channel.job_id, None)
        await wake(channels)

    async def _ask(self, question: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(question, limiter=self._asking)


class Follower:
    """One client's stream from the event after `after` to the end. Whoever got it must `leave` when it is over."""

    def __init__(self, following: Following, channel: Channel, after: EventId, *, previews: bool) -> None:
        self.channel = channel
        self._following = following
        self._after = after
        self._previews = previews
        self._told = asyncio.Event()
        self._here = True
        channel.followers += 1
        channel.watchers += previews
        channel.waiting.add(self._told)

    def leave(self) -> None:
        """Stop following; doing it again does nothing."""
        if self._here:
            self._here = False
            self.channel.followers -= 1
            self.channel.watchers -= self._previews
            self.channel.waiting.discard(self._told)
            self._following.forget(self.channel)

    def wake(self) -> None:
        """Let the one that waits look at once."""
        self._told.set()

    async def woken(self, within_s: float) -> bool:
        """Wait until something is told; False if nothing is within so many seconds."""
        return await happens(self._told, within_s)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The stream's bytes: what has been missed at once, then everything as it happens."""
        channel = self.channel
        yield START
        place = bisect_right(channel.frames, self._after, key=lambda one: one.id)
        while True:
            new = channel.frames[place:]
            place += len(new)
            if new:
                yield b"".join(one.pictured if self._previews else one.plain for one in new)
            over = channel.ended or channel.closed or self._following.stopping
            if over and place == len(channel.frames):
                return
            if not await self.woken(HEARTBEAT_S):
                yield HEARTBEAT
