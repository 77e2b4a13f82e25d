"""How full Redis is: new jobs are refused while there is still room to end the accepted ones."""

from __future__ import annotations

import time

from jobs.connect import RedisClient

SHORT_SHARE = 0.8
"""Of `maxmemory`; the rest is for results, transitions and the books of the queue."""
LOOK_AGAIN_S = 1.0


class MemoryGauge:
    """Asks Redis at most once a second; threads may share it."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._looked_at = float("-inf")
        self._short = False

    def is_short(self) -> bool:
        """Whether Redis has used more than 80 % of `maxmemory`; never, if it has no such limit."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_AGAIN_S:
            info = self._redis.info("memory")
            self._short = int(info["used_memory"]) > SHORT_SHARE * int(info["maxmemory"]) > 0
            self._looked_at = now
        return self._short
