"""How published weights came to be: one entry for each training run, kept as `training.json` beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "training.json"


@dataclass(frozen=True)
class Run:
    """One training run: which stage, how far and how long, on what."""

    stage: str
    steps: int
    minutes: float
    scenes: int
    hardware: str


def read_history(folder: Path) -> list[Run]:
    """The runs behind the weights in `folder`, oldest first; none where nothing is written down."""
    path = folder / FILE
    return [Run(**entry) for entry in json.loads(path.read_text())] if path.exists() else []


def write_history(folder: Path, runs: list[Run]) -> None:
    """Write down the runs behind the weights in `folder`."""
    (folder / FILE).write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
