"""Quality against cost: plots of one task, error bars, and the front that no other method beats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.row import Row

Point = tuple[float, float]
Quality = Callable[[Row], tuple[float | None, float | None]]
"""A row's value and the half width of its interval."""

APART = 0.012
TICKS_APART = 0.15
"""Decades that two labels of a logarithmic axis need between them."""

COLOURS = (*(f"C{number}" for number in range(10)), "black", "gold", "navy", "limegreen", "crimson")
MARKERS = "osD^v<>PX*hd"


@dataclass(frozen=True)
class Cost:
    """What quality is plotted against. `ticks` are costs worth a label, the more important first; None for decades."""

    label: str
    of: Callable[[Row], float]
    ticks: Callable[[Sequence[Row]], list[float]] | None = None


def _budgets_then_others(rows: Sequence[Row]) -> list[float]:
    budgets = sorted({row.budget_nfe for row in rows if row.budget_nfe})
    return [float(nfe) for nfe in [*budgets, *sorted({row.nfe for row in rows})]]


NFE = Cost("network evaluations (NFE)", lambda row: float(row.nfe), _budgets_then_others)
SECONDS = Cost("seconds a picture", lambda row: row.seconds)


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Of (cost, quality) those that no cheaper or equally dear one matches, by rising cost."""
    front: list[Point] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def told_apart(values: Sequence[float]) -> list[float]:
    """Those of positive `values` whose labels do not touch on a logarithmic axis; the first ones win."""
    kept: list[float] = []
    for value in values:
        if all(abs(log10(value / other)) >= TICKS_APART for other in kept):
            kept.append(value)
    return sorted(kept)


def quality_against(cost: Cost, rows: Sequence[Row], path: Path) -> None:
    """Plot rows of one task: hole PSNR on the left, paired differences on the right if there are any.

    Bars are 95 % intervals. Marks of one cost stand a little apart. Hollow marks are of methods that backpropagate.
    """
    measured = [row for row in rows if row.hole_psnr_db is not None]
    reference = next((row.against for row in measured if row.against), None)
    figure = Figure(figsize=(13 if reference else 8, 5), layout="constrained")
    panels = figure.subplots(1, 2 if reference else 1, squeeze=False)[0]
    _panel(panels[0], measured, cost, lambda row: (row.hole_psnr_db, row.ci95_db))
    panels[0].set_ylabel("PSNR where painted, dB")
    if reference:
        _panel(panels[1], measured, cost, lambda row: (row.difference_db, row.difference_ci95_db))
        panels[1].axhline(0.0, color="0.3", linewidth=0.8, zorder=0)
        panels[1].set_ylabel(f"paired difference to {reference}, dB")
    panels[-1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle(_title(measured[0]), fontsize=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _title(row: Row) -> str:
    bound = f" (the autoencoder alone: {row.vae_bound_db:.1f} dB)" if row.vae_bound_db is not None else ""
    return f"{row.task}, {row.mask}: {row.scenes} pictures, means with 95 % intervals{bound}"


def _panel(axes: Axes, rows: Sequence[Row], cost: Cost, quality: Quality) -> None:
    told = [row for row in rows if quality(row)[0] is not None]
    several = len({row.dtype for row in told}) > 1
    curves: dict[str, list[Row]] = {}
    for row in told:
        curves.setdefault(f"{row.method}, {row.dtype}" if several else row.method, []).append(row)
    for number, (name, some) in enumerate(curves.items()):
        _curve(axes, name, sorted(some, key=cost.of), (cost, quality), number - (len(curves) - 1) / 2)
    _front(axes, [(cost.of(row), value) for row in told if (value := quality(row)[0]) is not None])
    axes.set_xscale("log")
    if cost.ticks:
        axes.set_xticks(told_apart(cost.ticks(told)))
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(cost.label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, name: str, rows: Sequence[Row], drawn: tuple[Cost, Quality], place: float) -> None:
    cost, quality = drawn
    pairs = [quality(row) for row in rows]
    hollow = any(row.backward_passes for row in rows)
    number = len(axes.containers)
    colour = COLOURS[number % len(COLOURS)]
    axes.errorbar(
        [cost.of(row) * (1 + APART * place) for row in rows],
        [value or 0.0 for value, _ in pairs],
        [spread or 0.0 for _, spread in pairs],
        color=colour,
        marker=MARKERS[number % len(MARKERS)],
        markersize=5,
        markerfacecolor="white" if hollow else colour,
        linestyle="--" if hollow else "-",
        linewidth=1.3,
        elinewidth=0.8,
        capsize=2,
        label=f"{name} (backpropagates)" if hollow else name,
    )


def _front(axes: Axes, points: Sequence[Point]) -> None:
    front = pareto_front(points)
    costs, qualities = [cost for cost, _ in front], [quality for _, quality in front]
    costs, qualities = [*costs, max(cost for cost, _ in points)], [*qualities, qualities[-1]]
    axes.step(costs, qualities, where="post", color="0.85", linewidth=6, zorder=0, label="best up to this cost")
