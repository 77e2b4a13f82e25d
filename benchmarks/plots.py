"""Quality against cost: one plot a task, error bars, and the front that no other method beats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from benchmarks.report import Row

Point = tuple[float, float]


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Of (cost, quality) those that no cheaper or equally dear one matches, by rising cost."""
    front: list[Point] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def quality_against_nfe(rows: Sequence[Row], path: Path) -> None:
    """Plot rows of one task: hole PSNR with its 95 % interval against NFE; hollow marks for backward passes."""
    measured = [row for row in rows if row.hole_psnr_db is not None]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(row.method for row in measured))
    for number, name in enumerate(names):
        _curve(axes, [row for row in measured if row.method == name], number)
    front = pareto_front([(row.nfe, row.hole_psnr_db or 0.0) for row in measured])
    axes.step(
        *zip(*front, strict=True), where="post", color="0.75", linewidth=5, zorder=0, label="best so far at this cost"
    )
    _dress(axes, measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _curve(axes: Axes, rows: Sequence[Row], number: int) -> None:
    ordered = sorted(rows, key=lambda row: row.nfe)
    hollow = any(row.backward_passes for row in ordered)
    axes.errorbar(
        [row.nfe for row in ordered],
        [row.hole_psnr_db or 0.0 for row in ordered],
        [row.ci95_db or 0.0 for row in ordered],
        color=f"C{number % 10}",
        marker="osD^v<>PX*"[number % 10],
        markerfacecolor="white" if hollow else None,
        linestyle="--" if hollow else "-",
        linewidth=1.4,
        elinewidth=0.8,
        capsize=2,
        label=f"{ordered[0].method} (backpropagates)" if hollow else ordered[0].method,
    )


def _dress(axes: Axes, rows: Sequence[Row]) -> None:
    first = rows[0]
    costs = sorted({row.budget_nfe or row.nfe for row in rows})
    axes.set_xscale("log")
    axes.set_xticks(costs)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    bound = f"; the autoencoder alone: {first.vae_bound_db:.1f} dB" if first.vae_bound_db is not None else ""
    axes.set_title(f"{first.task}, {first.mask}: {first.scenes} pictures{bound}", fontsize=11)
    axes.set_xlabel("network evaluations (NFE)")
    axes.set_ylabel("PSNR where painted, dB (95 % interval)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
