"""A client of a real Redis that counts its round trips, by the thread that waits for them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from redis import Redis

from jobs.connect import RedisClient, connect
from jobs.settings import Settings


def counting(settings: Settings) -> tuple[RedisClient, Counter[str]]:
    """The client that workers use, and how often each thread, by its name, has sent something to be answered."""
    trips: Counter[str] = Counter()
    pool = connect(settings, retries=1).connection_pool

    class Counted(pool.connection_class):  # type: ignore[name-defined,misc]  # over TCP or a socket, as the pool's
        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            trips[threading.current_thread().name] += 1
            super().send_packed_command(command, check_health=check_health)

    pool.connection_class = Counted
    return Redis(connection_pool=pool), trips
