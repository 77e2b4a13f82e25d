"""A linear constraint on pixels, seen through the autoencoder with forward passes only.

What was measured are pixels, what the sampler moves are latents. With `p = D(x0_hat)` the error of the picture is
`r = A^+ (y - A p)`. A gradient would carry it to the latents by the decoder's transposed Jacobian, with the memory and
the time of backpropagation; here it is read off the encoder, which goes that way forwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from sampler.constraints.base import Misfit
from sampler.constraints.encoder_probe import read_off_encoder
from sampler.constraints.linear import LinearOperator
from sampler.evaluation import Process, decode


@dataclass(frozen=True, eq=False)
class DecodedConstraint:
    """The decoded estimate measures `measurement`, which is `operator` of a picture (3, H, W) in [-1, 1].

    `h` is the share of the picture's error by which the encoder is probed: small gives the encoder's Jacobian, 1 the
    secant. Raises `ValueError` unless it is positive.

    The encoder is asked about the picture itself, too, though `x0_hat` could seem to be the answer: `E(D(x0_hat))` is
    another point, and `E(p + r) - x0_hat` would draw the estimate there even where the constraint is met.
    """

    operator: LinearOperator
    measurement: Tensor
    h: float = 1.0

    def __post_init__(self) -> None:
        if not self.h > 0:
            raise ValueError("h must be positive")

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """One `Decode` and two `Encode`.

        The residual is the picture's, in units of [-1, 1], over all entries of the measurement: those that a mask holds
        at 0 count as met.
        """
        picture = yield from decode(x0_hat)
        error = self.measurement - self.operator.forward(picture)
        residual = sqrt(float(error.square().mean()))
        direction = yield from read_off_encoder(picture, self.operator.pseudo_inverse(error), self.h)
        return Misfit(direction, residual)

    def renewed(self, x0_hat: Tensor, done: float) -> Process[DecodedConstraint]:
        """Itself: what was measured stays as it is."""
        yield from ()
        return self
