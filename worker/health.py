"""`python -m worker.health [--ready]`: does the worker of this container live, and does it take jobs?

A worker writes a small file with every sign of life (`INLAY_HEALTH_FILE`), so the answer needs no port and no Redis: a
Redis that is away makes no worker ill, and a restart would only lose the loaded model. Nothing of torch is imported.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path

from jobs.settings import Settings

logger = logging.getLogger(__name__)

MISSED = 4.0
"""Times `worker_ttl_s` without a sign of life until a worker counts as stuck; one may wait twice for Redis."""

READY = "ready"
EXIT_HEALTHY, EXIT_ILL, EXIT_UNUSABLE = 0, 1, 78


class HealthFile:
    """The file of one worker; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, state: str, running: int) -> None:
        """Give a sign of life; a disk that is full is logged, and looks like a stuck worker from outside."""
        if self._path is None:
            return
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.write_text(json.dumps({"state": state, "running": running}))
            new.replace(self._path)
        except OSError as error:
            logger.warning("the health file cannot be written", extra={"error": str(error)})

    def remove(self) -> None:
        """The worker is gone."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def look(path: Path, *, longest_s: float, ready: bool) -> tuple[bool, str]:
    """Whether the worker that writes `path` is well, and the reason in words.

    Well is who has given a sign of life in the last `longest_s` seconds, however many jobs run; `ready` asks for more:
    that it is warm and not about to end.
    """
    try:
        with path.open() as file:
            age_s = time.time() - os.fstat(file.fileno()).st_mtime
            told = json.load(file)
    except FileNotFoundError:
        return False, "no sign of life yet: the model is being loaded, or the worker has ended"
    if age_s > longest_s:
        return False, f"stuck: no sign of life for {age_s:.0f} s"
    words = f"{told['state']}, jobs running: {told['running']}"
    return told["state"] == READY or not ready, words


def main(arguments: list[str] | None = None) -> int:
    """Print the answer; returns the exit status: 0 well, 1 not, 78 where no file is set."""
    parser = argparse.ArgumentParser(prog="python -m worker.health", description="Is the worker well?")
    parser.add_argument("--ready", action="store_true", help="only if it is warm and takes jobs")
    ready: bool = parser.parse_args(arguments).ready
    settings = Settings()
    if settings.health_file is None:
        sys.stdout.write("INLAY_HEALTH_FILE is not set, for the worker and here\n")
        return EXIT_UNUSABLE
    well, words = look(settings.health_file, longest_s=MISSED * settings.worker_ttl_s, ready=ready)
    sys.stdout.write(f"{words}\n")
    return EXIT_HEALTHY if well else EXIT_ILL


if __name__ == "__main__":
    sys.exit(main())
