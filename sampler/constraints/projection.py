"""The last step of a constraint in pixels: the nearest picture of 8 bits that measures what was measured.

Sampling meets a measurement about as well as the autoencoder can draw it. What remains is small and needs no network:
alternate between the pictures that meet the measurement, `p + A^+ (y - A p)`, and those that can be stored (projection
onto convex sets: Bregman 1965, Youla & Webb 1982).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from sampler.constraints.linear import LinearOperator

LEVEL = 2.0 / 255.0
"""One of 255 steps of an 8-bit value, in pictures of [-1, 1]."""


@dataclass(frozen=True, eq=False)
class Consistent:
    """`image` (3, H, W) float32 in [-1, 1], every value one of the 256 that 8 bits have, and what is left to wish for.

    `residual` is the root mean square of `y - A(image)` over the measurement, in units of [-1, 1]; `rounds` is how many
    projections it took. `is_met` tells whether the wanted tolerance was reached.
    """

    image: Tensor
    residual: float
    rounds: int
    is_met: bool


def make_consistent(
    picture: Tensor, operator: LinearOperator, measurement: Tensor, tolerance: float = LEVEL / 2, max_rounds: int = 200
) -> Consistent:
    """Change `picture` (3, H, W), about [-1, 1], as little as its `measurement` asks for, and round it to 8 bits.

    Every round adds `A^+ (y - A picture)` and clamps; the clamping takes something back where the picture is at its
    darkest or brightest, which the next round hands to the neighbours. Ends as soon as the rounded picture's residual
    is at most `tolerance`, half a level unless said otherwise, or after `max_rounds` with the best picture so far: a
    measurement that no picture of 8 bits has cannot be met. Raises `ValueError` for a tolerance or rounds below 0.
    """
    if tolerance < 0 or max_rounds < 0:
        raise ValueError("tolerance and max_rounds must not be negative")
    picture = picture.clamp(-1.0, 1.0)
    best = rounded(picture)
    smallest, reached = residual_of(best, operator, measurement), 0
    for done in range(1, max_rounds + 1):
        if smallest <= tolerance:
            break
        picture = (picture + operator.pseudo_inverse(measurement - operator.forward(picture))).clamp(-1.0, 1.0)
        stored = rounded(picture)
        residual = residual_of(stored, operator, measurement)
        if residual < smallest:
            best, smallest, reached = stored, residual, done
    return Consistent(best, smallest, reached, smallest <= tolerance)


def rounded(picture: Tensor) -> Tensor:
    """The nearest picture of 8 bits, still in [-1, 1]."""
    levels = ((picture.clamp(-1.0, 1.0) + 1.0) / LEVEL).round()
    return levels * LEVEL - 1.0


def residual_of(picture: Tensor, operator: LinearOperator, measurement: Tensor) -> float:
    """Root mean square of `y - A(picture)` over the measurement; NaN where there is nothing measured at all."""
    return sqrt(float((measurement - operator.forward(picture)).square().mean()))
