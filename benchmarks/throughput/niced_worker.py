"""`python -m benchmarks.throughput.niced_worker N`: a worker that lets other processes go first, by N (0 to 19).

Linux shares the cores between sessions first and between the processes of a session then (autogroups, where they are on
and the process is in no control group of its own), so both numbers are set.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from worker.main import main


def yield_cores(by: int) -> None:
    """Make the calling process and its session nicer. Raises `OSError` where the system does not let it."""
    os.nice(by)
    with suppress(FileNotFoundError):  # no Linux, or one without autogroups
        Path("/proc/self/autogroup").write_text(str(os.nice(0)))


if __name__ == "__main__":
    if int(sys.argv[1]):
        yield_cores(int(sys.argv[1]))
    raise SystemExit(main())
