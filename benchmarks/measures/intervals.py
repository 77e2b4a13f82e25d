"""Means over scenes with their 95 % intervals, and differences between methods on the same scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

NORMAL_975 = 1.959964
FEW = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764}
"""Quantiles at the fewest degrees of freedom, where the expansion below is too coarse."""


@dataclass(frozen=True)
class Mean:
    """A mean over scenes and the half width of its 95 % interval, None for a single scene."""

    value: float
    ci95: float | None


def mean(values: Sequence[float]) -> Mean:
    """Mean of at least one value, with Student's interval: scenes are drawn independently."""
    count = len(values)
    if count < 2:
        return Mean(fmean(values), None)
    return Mean(fmean(values), student_975(count - 1) * stdev(values) / sqrt(count))


def paired_difference(values: Sequence[float], reference: Sequence[float]) -> Mean:
    """`values - reference`, scene by scene: much tighter than the difference of two means, as scenes vary most.

    Raises `ValueError` unless both are of the same scenes, hence of one length.
    """
    return mean([value - other for value, other in zip(values, reference, strict=True)])


def student_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t: exact to 0.005 (Abramowitz & Stegun 1964, 26.7.5)."""
    if freedom in FEW:
        return FEW[freedom]
    z, n = NORMAL_975, freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
