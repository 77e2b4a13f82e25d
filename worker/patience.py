"""How this process bears a Redis or a blob store that is away or full: what can wait waits, the rest is tried again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from jobs.connect import redis_away
from jobs.errors import BlobsAway

logger = logging.getLogger(__name__)

ValueT = TypeVar("ValueT")
PAUSE_S = 1.0
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0


class GivenUp(Exception):
    """The process ends, and the store has not come back, or has had no room, to take what was to be written."""


class Patience:
    """Shared by all threads of a worker. `gone_at` is the monotonic time of the last failure, minus infinity before."""

    def __init__(self) -> None:
        self.gone_at = float("-inf")
        self._ending = threading.Event()

    def attempt(self, action: Callable[[], ValueT], otherwise: ValueT) -> ValueT:
        """Do it now or not at all; for a second after a failure it is not even tried, so that sampling goes on."""
        if self.pause_s() > 0:
            return otherwise
        try:
            return action()
        except Exception as error:
            if not redis_away(error):
                raise
            self._note(error)
            return otherwise

    def insist(self, action: Callable[[], ValueT]) -> ValueT:
        """Try until it is done, with growing pauses. Nothing but the action itself waits for blobs that are away.

        Raises:
            GivenUp: the process ends first.
        """
        retry_s = FIRST_RETRY_S
        while True:
            try:
                return action()
            except BlobsAway as error:
                if retry_s == FIRST_RETRY_S:
                    logger.warning("the blob store is away, trying again", extra={"error": str(error)})
            except Exception as error:
                if not redis_away(error):
                    raise
                self._note(error)
            if self._ending.wait(retry_s):
                raise GivenUp
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def pause_s(self) -> float:
        """Seconds until `attempt` tries again; 0 or less when it does so now."""
        return self.gone_at + PAUSE_S - time.monotonic()

    def end(self) -> None:
        """Let every `insist` give up at its next failure."""
        self._ending.set()

    def _note(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self.gone_at > 10 * PAUSE_S:
            logger.warning("Redis is away or full, going on without it", extra={"error": str(error)})
        self.gone_at = now
