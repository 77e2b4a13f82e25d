"""What a linear operator on pictures must offer: `y = A x`, its adjoint and its pseudo-inverse."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class LinearOperator(Protocol):
    """A linear map from images to measurements.

    Images are (..., C, H, W) float tensors in any range; leading dimensions are a batch, whose entries do not influence
    each other. Every method keeps dtype and device, and raises `ValueError` for shapes that do not fit.
    """

    def forward(self, image: Tensor) -> Tensor:
        """`A x`."""
        ...

    def adjoint(self, measurement: Tensor) -> Tensor:
        """`A^T y`: `<A x, y> = <x, A^T y>` for every x and y."""
        ...

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """`A^+ y`, the image of least norm among those that meet `y` best; `A A^+ A = A`.

        An operator whose inverse would blow up noise may regularise, and says how in its docstring.
        """
        ...
