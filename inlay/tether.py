"""Run a command that must not outlive its parent: `python tether.py PARENT_PID SIGNAL COMMAND…`.

On Linux the kernel is asked to send SIGNAL when the parent dies, however it dies (`prctl(PR_SET_PDEATHSIG)`; the
setting survives the exec that follows). Elsewhere the command simply runs. A script of its own, run before exec,
because code between fork and exec in a program with threads may deadlock.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent_pid, signal_number, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent_pid):  # it died before the kernel was asked
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  # the point of this script; no shell is involved


if __name__ == "__main__":
    main()
