"""What a constraint must offer to the samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sampler.evaluation import Process


@dataclass(frozen=True, eq=False)
class Misfit:
    """How far a clean estimate is from what was measured.

    `direction` (c, h, w) float32 is the error `e` in latent space: where the estimate should move, `A^+ (y - A x0_hat)`
    for a linear operator, zero exactly where nothing is asked for. `residual` is the root mean square of
    `y - A(x0_hat)` over what is measured, in the measurement's own space; 0 when the constraint is met. `seen`
    (c, h, w) is 1 where the constraint sees a latent's displacement and 0 where it does not; None where it sees all.
    """

    direction: Tensor
    residual: float
    seen: Tensor | None = None


class Constraint(Protocol):
    """A condition `A(x0) = y` on the clean latents; `A` and `y` belong to the implementer."""

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """The misfit of `x0_hat` (c, h, w). Constraints on latents ask for nothing; those on pixels for evaluations."""
        ...

    def renewed(self, x0_hat: Tensor, done: float) -> Process[Constraint]:
        """The constraint for the steps to come, given the clean estimate after the share `done` of the steps.

        Most return themselves; one that is seen through the autoencoder may ask for evaluations.
        """
        ...


class MaskedConstraint(Constraint, Protocol):
    """A constraint that keeps known latents: what methods need that paste or noise the known part themselves."""

    @property
    def y(self) -> Tensor:
        """The known latents (c, h, w), arbitrary but finite where unknown."""
        ...

    @property
    def mask(self) -> Tensor:
        """(c, h, w) in [0, 1]: 1 known, 0 unknown, grey a strength in between."""
        ...
