"""One restoration, stated so that every method finds what it needs.

Every method asks the constraint, once a step, to renew itself (`Constraint.renewed`): how well the known pixels are
encoded is a matter of the constraint and not of the method, and none shall win or lose by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor

from sampler.constraints.base import Constraint, MaskedConstraint
from sampler.constraints.linear import LinearOperator
from sampler.evaluation import Conditioning
from sampler.schedule import Schedule, Step


class Level(NamedTuple):
    """How noisy a state is: `x_t = alpha * x0 + sigma * eps`."""

    alpha: float
    sigma: float

    @classmethod
    def before(cls, step: Step) -> Level:
        """Where a step starts."""
        return cls(step.alpha_t, step.sigma_t)

    @classmethod
    def after(cls, step: Step) -> Level:
        """Where a step ends."""
        return cls(step.alpha_next, step.sigma_next)


CLEAN = Level(1.0, 0.0)


@dataclass(frozen=True, eq=False)
class Problem:
    """What to restore, with which model and from which noise.

    `constraint` is in latents: a `MaskedConstraint` for pictures with a hole. `operator` and `measurement` say the same
    in pixels ([-1, 1]); a picture with a hole is measured with its hole at 0. `latents_shape` is (c, h, w). All
    randomness comes from `generator`.
    """

    latents_shape: tuple[int, int, int]
    constraint: Constraint
    operator: LinearOperator
    measurement: Tensor
    conditioning: Conditioning
    schedule: Schedule
    generator: torch.Generator

    @property
    def masked(self) -> MaskedConstraint:
        """The constraint of a picture with a hole; raises `ValueError` when it is of another kind."""
        return require_mask(self.constraint)

    def noise(self) -> Tensor:
        """A new standard normal draw of the latents' shape, on the device of the conditioning."""
        device = self.conditioning.prompt.device
        return torch.randn(self.latents_shape, generator=self.generator, device=self.generator.device).to(device)

    def diffuse(self, x_s: Tensor, source: Level, target: Level) -> Tensor:
        """A draw of the forward process: the state `x_s` (c, h, w) at `source`, carried on to the noisier `target`."""
        ratio = target.alpha / source.alpha
        added = max(target.sigma**2 - (ratio * source.sigma) ** 2, 0.0)
        return ratio * x_s + sqrt(added) * self.noise()


def require_mask(constraint: Constraint) -> MaskedConstraint:
    """The constraint of a picture with a hole; raises `ValueError` when it is of another kind."""
    if not _is_masked(constraint):
        raise ValueError("this method needs a mask")
    return constraint


def paste(x: Tensor, known: Tensor, mask: Tensor) -> Tensor:
    """`known` where `mask` is 1 and `x` where it is 0, both exactly; all (c, h, w)."""
    return torch.lerp(x, known, mask)


def _is_masked(constraint: Constraint) -> TypeGuard[MaskedConstraint]:
    return hasattr(constraint, "mask") and hasattr(constraint, "y")
