"""What a constraint must offer to the sampler."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from sampler.evaluation import Process


class Constraint(Protocol):
    """A condition `A(x0) = y` on the clean latents; `A` and `y` belong to the implementer."""

    def error_direction(self, x0_hat: Tensor) -> Tensor:
        """Where `x0_hat` (c, h, w) should move, in latent space and of its shape.

        `A^+ (y - A x0_hat)` for a linear operator; zero exactly where nothing is asked for.
        """
        ...

    def residual(self, x0_hat: Tensor) -> float:
        """Root mean square of `y - A(x0_hat)` over what is measured; 0 when the constraint is met."""
        ...

    def renewed(self, x0_hat: Tensor, done: float) -> Process[Constraint]:
        """The constraint for the steps to come, given the clean estimate after the share `done` of the steps.

        Most return themselves; one that is seen through the autoencoder may ask for evaluations.
        """
        ...
