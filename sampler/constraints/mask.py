"""Known pixels: `A x = known * x`, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampler.constraints.linear import require_picture


@dataclass(frozen=True, eq=False)
class Mask:
    """`A x = known * x`, `A^T = A`, `A^+ y = y / known` where `known > 0` and 0 elsewhere: exact.

    `known` (H, W) in [0, 1]: 1 known, 0 unknown, and grey a strength in between: `A^T (y - A x)` and every least
    squares that this operator has a part in weigh a grey pixel's error by `known^2`, while `A^+` divides the strength
    out again. Measurements are (..., C, H, W), 0 where unknown. What unknown pixels hold never enters, were it NaN.
    Raises `ValueError` for another shape or values outside [0, 1].
    """

    known: Tensor

    def __post_init__(self) -> None:
        if self.known.ndim != 2:
            raise ValueError(f"known must be (H, W), not {tuple(self.known.shape)}")
        if not bool(((self.known >= 0) & (self.known <= 1)).all()):
            raise ValueError("known must lie in [0, 1]")

    def forward(self, image: Tensor) -> Tensor:
        """`known * x`, (..., C, H, W) as it came."""
        known = self._known_of(image)
        return torch.where(known > 0, known * image, 0.0)

    def adjoint(self, measurement: Tensor) -> Tensor:
        """`known * y`: a diagonal is its own transpose."""
        return self.forward(measurement)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """`y / known`, 0 where unknown."""
        known = self._known_of(measurement)
        return torch.where(known > 0, measurement / known.where(known > 0, 1.0), 0.0)

    def _known_of(self, picture: Tensor) -> Tensor:
        require_picture(picture)
        if picture.shape[-2:] != self.known.shape:
            raise ValueError(f"a mask of {tuple(self.known.shape)} does not fit a picture {tuple(picture.shape)}")
        return self.known.to(picture)
