"""Conjugate gradients for pseudo-inverses that have no closed form (Hestenes & Stiefel 1952)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sampler.errors import DivergedError


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the iteration ended.

    `x` (..., C, H, W); `residual` (...) is `|b - N x| / |b|` as the recursion has it, 0 for `b = 0`; `iterations` those
    of the slowest entry of the batch. It has converged where `residual` is at most the tolerance asked for.
    """

    x: Tensor
    residual: Tensor
    iterations: int


def tolerance(dtype: torch.dtype) -> float:
    """The relative residual to stop at: 1e-6 in float32, 1e-12 in float64."""
    return 1e-12 if dtype == torch.float64 else 1e-6


def conjugate_gradient(normal: Callable[[Tensor], Tensor], b: Tensor, max_iterations: int) -> Solution:
    """Solve `N x = b` for a symmetric positive semidefinite `N`, from `x = 0`.

    `b` is (..., C, H, W) in the range of `N`. All iterates stay in that range, so with `N = A^T A` and `b = A^T y` the
    solution is `A^+ y`: of least norm among those that meet `y` best, whether `y` can be met or not. Each entry of the
    batch has its own step lengths and stops by itself at `tolerance`, or at `max_iterations` with what it has; its
    result does not depend on the others. Raises `DivergedError` for values that are not finite.
    """
    x, r, p = torch.zeros_like(b), b, b
    r_norm2 = _inner(r, r)
    b_norm2, goal = r_norm2, tolerance(b.dtype) ** 2 * r_norm2
    iterations = 0
    while bool((active := _finite(r_norm2) > goal).any()) and iterations < max_iterations:
        q = normal(p)
        x_step = _ratio(r_norm2, _inner(p, q), active)
        x, r = x + x_step * p, r - x_step * q
        r_norm2_before, r_norm2 = r_norm2, _inner(r, r)
        p = r + _ratio(r_norm2, r_norm2_before, active) * p
        iterations += 1
    return Solution(x, _ratio(r_norm2, b_norm2, b_norm2 > 0).sqrt()[..., 0, 0, 0], iterations)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """(..., 1, 1, 1). Dimension by dimension: a sum over all at once is split among threads by the batch's size."""
    return (a * b).sum(-1, keepdim=True).sum(-2, keepdim=True).sum(-3, keepdim=True)


def _ratio(numerator: Tensor, denominator: Tensor, where: Tensor) -> Tensor:
    """The quotient where it is wanted and 0 elsewhere, without dividing by what may be 0 there."""
    return torch.where(where, numerator / denominator.where(where, 1.0), 0.0)


def _finite(norm2: Tensor) -> Tensor:
    if not bool(norm2.isfinite().all()):
        raise DivergedError("a pseudo-inverse is not finite")
    return norm2
