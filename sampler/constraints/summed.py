"""Constraints of any kind at once, such as a style with a part that is kept.

`sampler.constraints.stacked` joins linear operators on pixels into one, and inverts them together. Here each keeps its
own way of being read off, in latents or through the autoencoder, and their errors meet in latent space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from sampler.constraints.base import Constraint, Misfit
from sampler.evaluation import Process


@dataclass(frozen=True, eq=False)
class Weighted:
    """One of several constraints, and how much it counts where others ask for something else; positive."""

    constraint: Constraint
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Summed:
    """All of `parts` at once.

    The error of a latent is the weighted mean of the errors of those that see it: what only one of them sees is that
    one's alone, and a constraint summed with itself is itself. The residual is the root of the weighted mean of their
    squares; each is in its own units, so the weights say how these compare. Costs what the parts cost. Raises
    `ValueError` without parts or for a weight that is not positive.
    """

    parts: tuple[Weighted, ...]

    def __post_init__(self) -> None:
        if not self.parts or not all(part.weight > 0 for part in self.parts):
            raise ValueError("a sum needs constraints, each with a positive weight")

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """The misfits of the parts, one after the other, as one."""
        error, seen, squares = torch.zeros_like(x0_hat), torch.zeros_like(x0_hat), 0.0
        for part in self.parts:
            misfit = yield from part.constraint.misfit(x0_hat)
            error += part.weight * misfit.direction
            seen += part.weight * (1.0 if misfit.seen is None else misfit.seen)
            squares += part.weight * misfit.residual**2
        direction = torch.where(seen > 0, error / seen.where(seen > 0, 1.0), 0.0)
        residual = sqrt(squares / sum(part.weight for part in self.parts))
        return Misfit(direction, residual, (seen > 0).to(x0_hat))

    def renewed(self, x0_hat: Tensor, done: float) -> Process[Summed]:
        """The sum of the parts, each renewed."""
        parts = []
        for part in self.parts:
            constraint = yield from part.constraint.renewed(x0_hat, done)
            parts.append(replace(part, constraint=constraint))
        return Summed(tuple(parts))
