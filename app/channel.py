"""What one process knows of a followed job, and how its followers are told."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.event_frames import Frame, frame
from jobs.events import BEFORE_ALL, Event, EventId

HEARTBEAT_S = 15.0
"""How long a stream may be silent."""
WOKEN_AT_ONCE = 32
"""Followers that are told before other requests have their turn."""


@dataclass(eq=False)
class Channel:
    """The events of one job, in memory once for all its followers; `closed` if no more will be read."""

    job_id: str
    frames: list[Frame] = field(default_factory=list)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: bool = False
    closed: bool = False
    followers: int = 0
    watchers: int = 0
    """Followers that want previews."""
    waiting: set[asyncio.Event] = field(default_factory=set)

    @property
    def last_id(self) -> EventId:
        """Id of the newest event."""
        return self.frames[-1].id if self.frames else BEFORE_ALL

    @property
    def ended(self) -> bool:
        """Whether the job is final, and nothing will come any more."""
        return bool(self.frames) and self.frames[-1].final

    def extend(self, events: Iterable[Event]) -> None:
        """Take in what is new; the same event may be read twice."""
        self.frames += [frame(event) for event in events if event.id > self.last_id and not self.ended]


async def happens(told: asyncio.Event, within_s: float) -> bool:
    """Wait until there is something new; False if nothing is within so many seconds."""
    try:
        async with asyncio.timeout(within_s):
            await told.wait()
    except TimeoutError:
        return False
    told.clear()
    return True


async def wake(channels: Iterable[Channel]) -> None:
    """Let followers go on, some at a time: a thousand of them must not hold up everybody else."""
    everybody = [told for channel in channels for told in channel.waiting]
    for number, told in enumerate(everybody, start=1):
        told.set()
        if number % WOKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
