"""Where a fault is tried, and how many jobs it must meet there."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A folder of the test's own, and the least number of jobs that are to be submitted in it."""

    folder: Path
    jobs: int = 0


def share(whole: int, tests: int) -> int:
    """How many of `whole` jobs each of so many tests submits, so that they come to that many together."""
    return ceil(whole / tests) if tests else 0
