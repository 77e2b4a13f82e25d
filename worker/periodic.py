"""A thread that does one thing again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Periodic(threading.Thread):
    """Calls `action` every `interval_s` seconds until stopped; an exception is logged and does not end it."""

    def __init__(self, name: str, interval_s: float, action: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._interval_s = interval_s
        self._action = action
        self._woken = threading.Event()
        self._stopping = False

    def run(self) -> None:
        """The thread's loop."""
        while not self._stopping:
            try:
                self._action()
            except Exception:
                logger.exception("%s failed", self.name)
            self._woken.wait(self._interval_s)
            self._woken.clear()

    def hurry(self) -> None:
        """Call it once more as soon as may be, not after the rest of the interval."""
        self._woken.set()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._stopping = True
        self._woken.set()
        if self.is_alive():
            self.join()
