"""A stub worker that can sleep while libfaketime moves its clock.

`time.sleep` hands the kernel a moment of the monotonic clock. Libfaketime 0.9.10 turns each such moment into one of its
own clock, even where it is told to leave the monotonic one alone, and the kernel refuses what comes of it (EINVAL). So
the worker died of its first pause. A wait for nothing, which is given a duration, passes through as it is.
"""

from __future__ import annotations

import runpy
import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex) -> None:
    """As `time.sleep`, also under libfaketime."""
    select.select((), (), (), float(seconds))


if __name__ == "__main__":
    time.sleep = sleep  # before anything that takes it by name is imported
    runpy.run_module("deploy.loadtest.stub_worker", run_name="__main__")
