"""The memory that a run takes beyond the loaded model."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import torch

SAMPLED_EVERY_S = 0.005
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PEAK_ANEW = "5"
"""Written to `clear_refs`, it begins the process's peak of resident memory anew: proc_pid_clear_refs(5)."""


class PeakMemory:
    """A `with` block whose peak is in `mb` (1e6 bytes) afterwards.

    On a GPU the rise of torch's allocated memory to its exact peak. On a CPU the rise of this process's resident
    memory to the kernel's own peak; where the kernel tells none, to the highest that a thread saw every 5 ms. Free
    pages are given back before the start (glibc), but what the heap keeps from earlier work is there already and not
    counted: figures to the megabyte want a process each (`benchmarks.footprint`).
    """

    def __init__(self, device: torch.device) -> None:
        self.mb = 0.0
        self._cuda = device.type == "cuda"
        self._process = psutil.Process()
        self._before = 0
        self._seen = 0
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        gc.collect()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
            return self
        _give_back()
        if not _begin_peak():
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        self._before = self._process.memory_info().rss
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mb = max(0, self._peak() - self._before) / 1e6

    def _peak(self) -> int:
        if self._cuda:
            return torch.cuda.max_memory_allocated()
        if self._thread is None:
            return _peak_of_kernel()
        self._done.set()
        self._thread.join()
        return max(self._seen, self._process.memory_info().rss)

    def _watch(self) -> None:
        while not self._done.wait(SAMPLED_EVERY_S):
            self._seen = max(self._seen, self._process.memory_info().rss)


def _begin_peak() -> bool:
    """Whether the kernel counts the peak from now on."""
    try:
        CLEAR.write_text(PEAK_ANEW)
    except OSError:  # not Linux, or not allowed
        return False
    return True


def _peak_of_kernel() -> int:
    """Bytes; `VmHWM` is in KiB."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _give_back() -> None:
    """Hand free heap pages back to the system where the C library can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:  # not glibc: the rise is then a lower bound
        return
