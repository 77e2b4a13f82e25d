"""Latency against offered load, and throughput against workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANELS = {"submit": "until the answer", "wait": "in the queue", "run": "in the worker", "end_to_end": "end to end"}
WORDS = {"p50": ":", "p95": "--", "p99": "-"}


def latency_against_load(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One panel a part of the way, one colour a number of workers, one line style a percentile."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for number, workers in enumerate(_workers(rows)):
            mine = sorted((row for row in rows if row["workers"] == workers), key=lambda row: float(row["rate"]))
            for word, style in WORDS.items():
                seconds = [row["figures"][f"{name}_{word}_s"] for row in mine]
                label = f"{word}, {workers} workers"
                axes.plot([row["rate"] for row in mine], seconds, style, color=f"C{number}", marker="o", label=label)
        _label(axes, title, "offered, jobs a second", "seconds")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def throughput_against_workers(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The most that so many workers finished a second, at any offered load."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    counts = _workers(rows)
    best = [max(row["figures"]["throughput_per_s"] for row in rows if row["workers"] == count) for count in counts]
    axes.plot(counts, best, marker="o", label="measured")
    axes.plot(counts, [best[0] * count / counts[0] for count in counts], color="0.7", label="as many times the first")
    axes.set_xticks(counts)
    axes.legend(frameon=False)
    _label(axes, "throughput", "workers", "jobs a second")
    figure.savefig(path, dpi=110)


def _workers(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted({int(row["workers"]) for row in rows})


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
