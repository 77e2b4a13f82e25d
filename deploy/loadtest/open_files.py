"""Room for connections: each is an open file, and there are bounds on those."""

from __future__ import annotations

import resource


class TooFewFiles(RuntimeError):
    """This process may not have as many open files as there are connections."""


def allow_open_files(needed: int) -> None:
    """Raise this process's bound, which those it starts inherit. Raises `TooFewFiles` if it may not be so high."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFiles(f"{needed} open files are needed, and {hard} allowed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
