"""Rows of a load test as JSON and as plots."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.provenance import provenance
from deploy.loadtest.plots import latency_against_load, throughput_against_workers


@dataclass(frozen=True)
class Row:
    """One offered rate on one number of workers. `exceeded` are sentences; with none the run has passed.

    The arrivals are drawn from profile, rate, seconds, most and seed, so that a simulation can have the same.
    """

    profile: str
    rate: float
    seconds: float
    seed: int
    most: int
    steps: int
    workers: int
    apis: int
    engine: str
    pace: str | None
    figures: Mapping[str, float]
    callers: Mapping[str, Mapping[str, float]]
    limits: Mapping[str, float]
    exceeded: Sequence[str]

    def line(self) -> str:
        """In short, for a terminal."""
        told = self.figures
        return (
            f"{self.profile}, {self.workers} workers, {self.rate:g}/s offered: {told['throughput_per_s']:.3g}/s done, "
            f"end to end p50 {told['end_to_end_p50_s']:.3g} s, p95 {told['end_to_end_p95_s']:.3g} s, "
            f"p99 {told['end_to_end_p99_s']:.3g} s; {told['refused_share']:.1%} refused, {told['lost']:g} lost"
        )


def write(folder: Path, rows: Sequence[Row], arguments: Sequence[str]) -> None:
    """`rows.json`, `latency.png` and `throughput.png`, in place of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [asdict(row) for row in rows]
    for entry in entries:
        entry["figures"] = _without_nan(entry["figures"])
        entry["callers"] = {name: _without_nan(told) for name, told in entry["callers"].items()}
    report = {
        "provenance": provenance(),
        "command": " ".join(["python -m deploy.loadtest", *arguments]),
        "rows": entries,
    }
    (folder / "rows.json").write_text(json.dumps(report, indent=1) + "\n")
    latency_against_load(entries, folder / "latency.png")
    throughput_against_workers(entries, folder / "throughput.png")


def _without_nan(told: Mapping[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN: what could not be measured is null."""
    return {name: None if math.isnan(value) else value for name, value in told.items()}
