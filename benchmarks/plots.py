"""Quality against cost: one plot a task, error bars, and the front that no other method beats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from benchmarks.report import Row

Point = tuple[float, float]
Quality = Callable[[Row], tuple[float | None, float | None]]
"""A row's value and the half width of its interval."""

APART = 0.012


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Of (cost, quality) those that no cheaper or equally dear one matches, by rising cost."""
    front: list[Point] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def quality_against_nfe(rows: Sequence[Row], path: Path) -> None:
    """Plot rows of one task against NFE: hole PSNR on the left, paired differences on the right if there are any.

    Bars are 95 % intervals. Marks of one cost stand a little apart. Hollow marks are of methods that backpropagate.
    """
    measured = [row for row in rows if row.hole_psnr_db is not None]
    reference = next((row.against for row in measured if row.against), None)
    figure = Figure(figsize=(13 if reference else 8, 5), layout="constrained")
    panels = figure.subplots(1, 2 if reference else 1, squeeze=False)[0]
    _panel(panels[0], measured, lambda row: (row.hole_psnr_db, row.ci95_db))
    panels[0].set_ylabel("PSNR where painted, dB")
    if reference:
        _panel(panels[1], measured, lambda row: (row.difference_db, row.difference_ci95_db))
        panels[1].axhline(0.0, color="0.3", linewidth=0.8, zorder=0)
        panels[1].set_ylabel(f"paired difference to {reference}, dB")
    panels[-1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle(_title(measured[0]), fontsize=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _title(row: Row) -> str:
    bound = f" (the autoencoder alone: {row.vae_bound_db:.1f} dB)" if row.vae_bound_db is not None else ""
    return f"{row.task}, {row.mask}: {row.scenes} pictures, means with 95 % intervals{bound}"


def _panel(axes: Axes, rows: Sequence[Row], quality: Quality) -> None:
    names = list(dict.fromkeys(row.method for row in rows))
    for number, name in enumerate(names):
        apart = 1 + APART * (number - (len(names) - 1) / 2)
        _curve(axes, [row for row in rows if row.method == name], quality, number, apart)
    _front(axes, [(row.nfe, value) for row in rows if (value := quality(row)[0]) is not None])
    axes.set_xscale("log")
    axes.set_xticks(sorted({row.budget_nfe or row.nfe for row in rows}))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("network evaluations (NFE)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, rows: Sequence[Row], quality: Quality, number: int, apart: float) -> None:
    ordered = sorted(rows, key=lambda row: row.nfe)
    pairs = [quality(row) for row in ordered]
    hollow = any(row.backward_passes for row in ordered)
    axes.errorbar(
        [row.nfe * apart for row in ordered],
        [value or 0.0 for value, _ in pairs],
        [spread or 0.0 for _, spread in pairs],
        color=f"C{number % 10}",
        marker="osD^v<>PX*"[number % 10],
        markersize=5,
        markerfacecolor="white" if hollow else None,
        linestyle="--" if hollow else "-",
        linewidth=1.3,
        elinewidth=0.8,
        capsize=2,
        label=f"{ordered[0].method} (backpropagates)" if hollow else ordered[0].method,
    )


def _front(axes: Axes, points: Sequence[Point]) -> None:
    front = pareto_front(points)
    costs, qualities = [cost for cost, _ in front], [quality for _, quality in front]
    costs, qualities = [*costs, max(cost for cost, _ in points)], [*qualities, qualities[-1]]
    axes.step(costs, qualities, where="post", color="0.85", linewidth=6, zorder=0, label="best up to this cost")
