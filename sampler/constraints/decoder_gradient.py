"""A linear constraint on pixels with the decoder's gradient: the published way, and the reference for ours.

The direction is minus the gradient of `f(x0_hat) = 0.5 * |y - A D(x0_hat)|^2`, one backward pass through the decoder
(never through the denoiser): what arXiv 2410.18804 does for super-resolution. `sampler.constraints.decoded` replaces it
by forward passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from sampler.constraints.base import Misfit
from sampler.constraints.linear import LinearOperator
from sampler.evaluation import Denoised, Networks, Process, decode, differentiate


@dataclass(frozen=True, eq=False)
class DecoderGradientConstraint:
    """`measurement` is `A` of a picture (3, H, W) in [-1, 1]; needs an evaluator that differentiates.

    A gradient is no error: its length has another unit. It is scaled to the error that a straight line makes of it, the
    step at which the parabola through `f`, its slope and one more value is lowest (one `Decode`), so that moving by the
    direction itself is the best step along it.
    """

    operator: LinearOperator
    measurement: Tensor

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """One `Differentiate` and one `Decode`; the residual is that of the picture, in units of [-1, 1]."""
        at = yield from differentiate(x0_hat, self._objective)
        residual = sqrt(2.0 * at.value / self.measurement.numel())
        slope = float(at.gradient.square().sum())
        if not slope > 0.0:
            return Misfit(-at.gradient, residual)
        trial = at.value / slope
        picture = yield from decode(x0_hat - trial * at.gradient)
        length = _lowest(at.value, slope, trial, float(self._half_square(picture)))
        return Misfit(-length * at.gradient, residual)

    def renewed(self, x0_hat: Tensor, done: float) -> Process[DecoderGradientConstraint]:
        """Itself: what was measured stays as it is."""
        yield from ()
        return self

    def _objective(self, x0_hat: Tensor, networks: Networks) -> tuple[Tensor, Denoised | None]:
        return self._half_square(networks.decode(x0_hat)), None

    def _half_square(self, picture: Tensor) -> Tensor:
        return 0.5 * (self.measurement - self.operator.forward(picture)).square().sum()


def _lowest(value: float, slope: float, trial: float, value_at_trial: float) -> float:
    """Where the parabola is lowest that starts at `value`, falls by `slope`, and passes through the trial's value.

    At most twice `trial`, which is where a straight line would reach 0: no least-squares step along a gradient is
    longer.
    """
    curvature = 2.0 * (value_at_trial - value + slope * trial) / trial**2
    return min(slope / curvature, 2.0 * trial) if curvature > 0.0 else 2.0 * trial
