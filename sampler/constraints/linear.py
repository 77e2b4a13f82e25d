"""What a linear operator on pictures must offer: `y = A x`, its adjoint and its pseudo-inverse."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class LinearOperator(Protocol):
    """A linear map from images to measurements.

    Images are (..., C, H, W) float tensors in any range; leading dimensions are a batch, whose entries do not influence
    each other. What a measurement looks like is the operator's own, after the same leading dimensions. Every method
    keeps dtype and device, is differentiable, and raises `ValueError` for shapes that do not fit.
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


def working(picture: Tensor) -> Tensor:
    """The picture in the precision to compute in: half precisions go through float32, which their sums need.

    Raises `ValueError` unless it is of floats.
    """
    if not picture.is_floating_point():
        raise ValueError(f"expected floats, not {picture.dtype}")
    return picture.to(torch.promote_types(picture.dtype, torch.float32))


def require_picture(picture: Tensor, channels: int | None = None) -> None:
    """Raise `ValueError` unless this is (..., C, H, W) of floats, with so many channels if that is asked for."""
    if picture.ndim < 3 or not picture.is_floating_point():
        raise ValueError(f"expected (..., C, H, W) of floats, not {tuple(picture.shape)} of {picture.dtype}")
    if channels is not None and picture.shape[-3] != channels:
        raise ValueError(f"expected {channels} channels, not {picture.shape[-3]}")
