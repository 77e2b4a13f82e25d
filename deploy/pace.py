"""How long calls of the networks take by their rows: what the stub worker sleeps, and what the simulation counts."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMAGE_PASSES = 10
"""Passes of the autoencoder in a half picture of the service's default solver, five each way."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a call of the UNet (`network_s`) and of a pass of the autoencoder (`image_s`), by rows.

    Between measured sizes calls are interpolated, beyond the largest they go on with its seconds a row.
    """

    network_s: Mapping[int, float] = field(default_factory=dict)
    image_s: Mapping[int, float] = field(default_factory=dict)

    def network(self, rows: int) -> float:
        """Seconds of a call of the UNet."""
        return interpolated(self.network_s, rows)

    def image(self, rows: int) -> float:
        """Seconds of a pass of the autoencoder."""
        return interpolated(self.image_s, rows)

    def dump(self) -> str:
        """As JSON; `parse` reads it."""
        tables = {"network_s": self.network_s, "image_s": self.image_s}
        return json.dumps({name: {str(size): value for size, value in table.items()} for name, table in tables.items()})

    @classmethod
    def parse(cls, text: str) -> Pace:
        """From the JSON of `dump`. Raises `ValueError` for anything else, or for seconds below 0."""
        tables = json.loads(text)
        try:
            network, image = (_table(tables[name]) for name in ("network_s", "image_s"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("a pace has network_s and image_s, objects of seconds by rows") from error
        return cls(network, image)

    @classmethod
    def of_engine_report(cls, path: Path) -> Pace:
        """From the JSON of `inlay bench engine`: its measures `network` and `jobs`, both at the same batch sizes.

        What a half picture takes beyond its network calls is its passes of the autoencoder. Raises `ValueError` when
        the report has not got both measures.
        """
        report = json.loads(path.read_text())
        network = {row["batch"]: row["batch"] / row["evaluations_per_s"] for row in _rows(report, "network")}
        jobs = {row["batch"]: row["seconds_per_job"] for row in _rows(report, "jobs")}
        if not network or set(jobs) != set(network):
            raise ValueError(f"{path} has not got the measures network and jobs at the same batch sizes")
        evaluations = 2 * steps_of(report)
        image = {size: max(0.0, jobs[size] - evaluations * network[size]) / IMAGE_PASSES for size in network}
        return cls(network, image)


def interpolated(table: Mapping[int, float], rows: int) -> float:
    """The seconds of a call of `rows` rows; 0 of an empty table."""
    if not table:
        return 0.0
    sizes = sorted(table)
    place = bisect_left(sizes, rows)
    if place == len(sizes):
        return table[sizes[-1]] * rows / sizes[-1]
    if sizes[place] == rows or place == 0:
        return table[sizes[place]]
    below, above = sizes[place - 1], sizes[place]
    share = (rows - below) / (above - below)
    return table[below] + share * (table[above] - table[below])


def steps_of(report: Mapping[str, Any]) -> int:
    """The denoising steps of the report's half pictures: its `--steps` option, 20 by default."""
    words = str(report.get("command", "")).split()
    return int(words[words.index("--steps") + 1]) if "--steps" in words[:-1] else 20


def _rows(report: Mapping[str, Any], measure: str) -> list[dict[str, Any]]:
    return [row for row in report["rows"] if row["measure"] == measure]


def _table(entries: Mapping[str, float]) -> dict[int, float]:
    table = {int(size): float(value) for size, value in entries.items()}
    if any(size < 1 or value < 0 for size, value in table.items()):
        raise ValueError("rows are 1 or more, seconds 0 or more")
    return table
