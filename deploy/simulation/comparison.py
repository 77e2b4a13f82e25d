"""The simulation beside a load test: calibrated on its lightest row, held against all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deploy.loadtest.figures import quantile
from deploy.loadtest.profiles import PROFILES, arrivals
from deploy.pace import Pace
from deploy.simulation.load import Job, jobs_of
from deploy.simulation.service import Design, Ended, simulate

WITHIN = 0.15
COMPARED = ("end_to_end_p50_s", "end_to_end_p95_s", "throughput_per_s")


@dataclass(frozen=True)
class Difference:
    """A figure as measured and as predicted; `calibrated` marks the row from which the design's constants were read."""

    workers: int
    rate: float
    figure: str
    measured: float
    predicted: float
    calibrated: bool

    @property
    def relative(self) -> float:
        """Predicted over measured, less 1."""
        return self.predicted / self.measured - 1

    @property
    def within(self) -> bool:
        """Whether it is near enough."""
        return abs(self.relative) <= WITHIN


def compare(rows: Sequence[Mapping[str, Any]], paces: Mapping[int, Pace], room: int = 8) -> list[Difference]:
    """Every row of a load report with half pictures, at the pace that was measured for its number of workers.

    The row with the lowest rate for each worker gives what a job takes beside its calls. Raises `KeyError` for a number
    of workers without a pace, `ValueError` for rows of other tasks.
    """
    lightest = min(rows, key=lambda row: row["rate"] / row["workers"])
    design = calibrated(Design(paces[lightest["workers"]], lightest["workers"], room), lightest)
    differences = []
    for row in rows:
        pace = paces[row["workers"]]
        told = figures(simulate(replace(design, pace=pace, workers=row["workers"]), jobs_of_row(row)).ended)
        differences += [
            Difference(row["workers"], row["rate"], name, row["figures"][name], told[name], row is lightest)
            for name in COMPARED
        ]
    return differences


def calibrated(design: Design, row: Mapping[str, Any]) -> Design:
    """The design with the seconds beside the calls that the row's medians show: within the worker, and outside."""
    jobs, measured = jobs_of_row(row), row["figures"]
    told = figures(simulate(design, jobs).ended)
    calls = sum(part.count for part in jobs[0].work)
    turn_s = max(0.0, measured["run_p50_s"] - told["run_p50_s"]) / calls
    outside_s = max(0.0, measured["end_to_end_p50_s"] - measured["run_p50_s"] - measured["wait_p50_s"])
    return replace(design, turn_s=turn_s, outside_s=outside_s)


def jobs_of_row(row: Mapping[str, Any]) -> list[Job]:
    """The same arrivals as the load test's, drawn again from its seed. Raises `ValueError` for a mix of tasks."""
    profile = PROFILES[row["profile"]]
    if set(profile.tasks) != {"complete"}:
        raise ValueError(f"{profile.name} mixes tasks; the simulation knows half pictures")
    return jobs_of(arrivals(profile, row["rate"], row["seconds"], row["most"], row["seed"]), row["steps"])


def figures(ended: Sequence[Ended]) -> dict[str, float]:
    """As `deploy.loadtest.figures` tells them."""
    span_s = max(one.ended_s for one in ended) - min(one.at_s for one in ended)
    told = {"throughput_per_s": len(ended) / span_s}
    for name, values in (
        ("wait", [one.wait_s for one in ended]),
        ("run", [one.run_s for one in ended]),
        ("end_to_end", [one.total_s for one in ended]),
    ):
        told |= {f"{name}_p50_s": quantile(values, 0.50), f"{name}_p95_s": quantile(values, 0.95)}
    return told


def table(differences: Sequence[Difference]) -> str:
    """As Markdown."""
    lines = ["| workers | jobs/s offered | figure | measured | simulated | difference |", "|---|---|---|---|---|---|"]
    for one in differences:
        mark = ", read from it" if one.calibrated else "" if one.within else ", **beyond 15 %**"
        lines.append(
            f"| {one.workers} | {one.rate:g} | {one.figure} | {one.measured:.3g} | {one.predicted:.3g} "
            f"| {one.relative:+.0%}{mark} |"
        )
    return "\n".join(lines)
