"""The command `inlay`, also as `python -m inlay`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run the command line. Ctrl-C ends it quietly from here on, also while the modules are imported."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where it is to be ignored
    if interruptible:
        signal.signal(signal.SIGINT, _leave)
    from inlay.cli import app

    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        app(prog_name="inlay")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: an exception out of an import would be shown, or swallowed by the machinery of imports."""
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
