"""From samples to figures, and from figures to what is too much."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from deploy.loadtest.plan import Sample

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
TIMES = ("lag", "submit", "wait", "run", "end_to_end")


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed; NaN of none. Never made up between two values."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def figures(samples: Sequence[Sample], offered: int) -> dict[str, float]:
    """What a run came to, of `offered` submissions. `wrong`: submissions without exactly one sample.

    `throughput_per_s` counts successes from the first due moment to the last known end. A lost job has the tail to
    itself: it counts in `lost`, and has no seconds.
    """
    outcomes = Counter(sample.outcome for sample in samples)
    numbers = Counter(sample.number for sample in samples)
    accepted = [sample for sample in samples if sample.outcome not in {"refused", "error"}]
    ended = [sample for sample in samples if sample.end_to_end_s is not None]
    told: dict[str, float] = {
        "offered": offered,
        "accepted": len(accepted),
        "succeeded": outcomes["succeeded"],
        "lost": outcomes["lost"],
        "wrong": sum(count != 1 for count in numbers.values()) + offered - len(numbers),
        "refused_share": outcomes["refused"] / max(1, offered),
        "failed_share": (outcomes["failed"] + outcomes["error"]) / max(1, offered),
        "throughput_per_s": _throughput(ended),
    }
    for name in TIMES:
        of = samples if name == "lag" else accepted
        values = [value for sample in of if (value := getattr(sample, f"{name}_s")) is not None]
        told |= {f"{name}_{word}_s": quantile(values, share) for word, share in QUANTILES.items()}
    return told


def by_caller(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """The same for each caller."""
    callers = sorted({sample.caller for sample in samples})
    chosen = {caller: [sample for sample in samples if sample.caller == caller] for caller in callers}
    return {caller: figures(mine, len(mine)) for caller, mine in chosen.items()}


def exceeded(told: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """A sentence for each limit that is not kept; a figure that is not there keeps none.

    Raises `KeyError` for a limit on a figure that does not exist.
    """
    return [
        f"{name} is {told[name]:.4g}, more than {most:g}" for name, most in limits.items() if not told[name] <= most
    ]


def _throughput(ended: Sequence[Sample]) -> float:
    succeeded = [sample for sample in ended if sample.outcome == "succeeded"]
    if not succeeded:
        return 0.0
    last = max(sample.at_s + (sample.end_to_end_s or 0.0) for sample in succeeded)
    span_s = last - min(sample.at_s for sample in ended)
    return len(succeeded) / span_s if span_s > 0 else 0.0
