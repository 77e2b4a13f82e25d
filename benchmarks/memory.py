"""The memory that a run takes beyond the loaded model."""

from __future__ import annotations

import ctypes
import gc
import threading
from types import TracebackType
from typing import Self

import psutil
import torch

SAMPLED_EVERY_S = 0.005


class PeakMemory:
    """A `with` block whose peak is in `mb` (1e6 bytes) afterwards.

    On a GPU the rise of torch's allocated memory to its exact peak. On a CPU the rise of this process's resident
    memory, read every 5 ms by a thread: short peaks may be missed, and other threads' memory counts. Free pages are
    given back before the start (glibc), or a method would be carried by what an earlier one left.
    """

    def __init__(self, device: torch.device) -> None:
        self.mb = 0.0
        self._cuda = device.type == "cuda"
        self._process = psutil.Process()
        self._before = 0
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        gc.collect()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
            return self
        _give_back()
        self._before = self._peak = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cuda:
            self._peak = torch.cuda.max_memory_allocated()
        else:
            self._done.set()
            self._thread.join()
            self._look()
        self.mb = (self._peak - self._before) / 1e6

    def _watch(self) -> None:
        while not self._done.wait(SAMPLED_EVERY_S):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)


def _give_back() -> None:
    """Hand free heap pages back to the system where the C library can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:  # not glibc: the rise is then a lower bound
        return
