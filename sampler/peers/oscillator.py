"""A damped oscillator in a heat bath, advanced exactly: the integrator of LanPaint's fast Langevin dynamics.

Underdamped Langevin dynamics with a force that is linear but for a part held fixed, in one coordinate each:

    dx = sqrt(Gamma) v dt
    dv = sqrt(Gamma) A (rest - x) dt - Gamma v dt + sqrt(2 Gamma) dW

At equilibrium `u = sqrt(A) (x - rest)` and `v` are independent standard normal. With `Gamma = friction^2 A` and
`stretch = A dt`, `(u, v)` after `dt` is `E (u, v) + L xi` with

    E = expm(stretch * [[0, friction], [-friction, -friction^2]]),    L L^T = I - E E^T,    xi ~ N(0, I).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Flow:
    """The motion over one stretch of time; `E` and `L` are (2, 2, …) with an entry for each coordinate."""

    E: Tensor
    L: Tensor

    @classmethod
    def over(cls, stretch: Tensor, friction: float) -> Flow:
        """The motion over `stretch` (any shape, positive, float32), computed in float64 once for each value."""
        values, where = torch.unique(stretch, return_inverse=True)
        rates = torch.tensor([[0.0, friction], [-friction, -(friction**2)]], dtype=torch.float64)
        E = torch.linalg.matrix_exp(values.double().cpu()[:, None, None] * rates)
        L = torch.linalg.cholesky(torch.eye(2, dtype=torch.float64) - E @ E.mT)
        return cls(*(table.to(stretch)[where].movedim((-2, -1), (0, 1)) for table in (E, L)))

    def advance(self, u: Tensor, v: Tensor, xi: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Position and velocity after the stretch, both scaled as above, with two standard normal draws."""
        E, L = self.E, self.L
        return (
            E[0, 0] * u + E[0, 1] * v + L[0, 0] * xi[0],
            E[1, 0] * u + E[1, 1] * v + L[1, 0] * xi[0] + L[1, 1] * xi[1],
        )
