"""One restoration, stated so that every method finds what it needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampler.constraints.base import Constraint, MaskedConstraint
from sampler.constraints.linear import LinearOperator
from sampler.evaluation import Conditioning
from sampler.schedule import Schedule


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

    def noise(self) -> Tensor:
        """A new standard normal draw of the latents' shape, on the device of the conditioning."""
        device = self.conditioning.prompt.device
        return torch.randn(self.latents_shape, generator=self.generator, device=self.generator.device).to(device)

    @property
    def masked(self) -> MaskedConstraint:
        """The constraint of a picture with a hole; raises `ValueError` when it is of another kind."""
        if not (hasattr(self.constraint, "mask") and hasattr(self.constraint, "y")):
            raise ValueError("this method needs a mask")
        return self.constraint  # type: ignore[return-value]  # checked on the line before
