"""Super-resolution: `A x = R x C^T` makes a picture smaller by a whole factor, rows and columns apart.

With `R` and `C` small matrices the rest is exact: `A^T y = R^T y C` and, the operator being a Kronecker product,
`A^+ y = R^+ y (C^+)^T`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, assert_never

import torch
from torch import Tensor

from sampler.constraints.linear import require_picture, working

Kernel = Literal["area", "bicubic"]
FACTORS = (2, 4, 8)


@dataclass(frozen=True)
class SuperResolution:
    """`A x = R x C^T`: images (..., C, H, W) to measurements (..., C, H / factor, W / factor).

    `kernel`: "area" is the mean of each block; "bicubic" is Keys' kernel with a = -0.5 (Keys 1981, "Cubic convolution
    interpolation for digital image processing", eq. 4), widened by the factor so that it does not alias, its weights
    renormalised inside the picture: the reductions that Pillow calls `reduce` (or `BOX`) and `BICUBIC`, without their
    rounding and clipping to 8 bits. `A^+` is exact, from the pseudo-inverses of `R` and `C` in float64.

    Raises `ValueError` for factors other than 2, 4 and 8, other kernels, and sides that are no multiples of the factor.
    """

    factor: int
    kernel: Kernel = "bicubic"

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ValueError(f"factor must be one of {FACTORS}, not {self.factor}")
        if self.kernel not in ("area", "bicubic"):
            raise ValueError(f'kernel must be "area" or "bicubic", not {self.kernel!r}')

    def forward(self, image: Tensor) -> Tensor:
        """The picture made smaller."""
        require_picture(image)
        height, width = image.shape[-2:]
        if height % self.factor or width % self.factor or not height or not width:
            raise ValueError(f"{width}×{height} pixels are not a multiple of {self.factor}")
        return _separable(image, self._matrix(image, height), self._matrix(image, width))

    def adjoint(self, measurement: Tensor) -> Tensor:
        """Every small pixel handed back to those that it was made of, by their weights."""
        rows, columns = self._matrices_of_measured(measurement)
        return _separable(measurement, rows.mT, columns.mT)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """The enlargement of least norm that becomes `y` when made smaller again."""
        self._matrices_of_measured(measurement)
        height, width = (self.factor * side for side in measurement.shape[-2:])
        return _separable(
            measurement, self._matrix(measurement, height, inverse=True), self._matrix(measurement, width, inverse=True)
        )

    def _matrices_of_measured(self, measurement: Tensor) -> tuple[Tensor, Tensor]:
        require_picture(measurement)
        height, width = (self.factor * side for side in measurement.shape[-2:])
        return self._matrix(measurement, height), self._matrix(measurement, width)

    def _matrix(self, picture: Tensor, length_px: int, *, inverse: bool = False) -> Tensor:
        dtype = torch.promote_types(picture.dtype, torch.float32)
        return _placed(length_px, self.factor, self.kernel, inverse, dtype, picture.device)


def reduction(length_px: int, factor: int, kernel: Kernel) -> Tensor:
    """The matrix (length_px / factor, length_px) float64 that makes one row of pixels shorter; its rows sum to 1."""
    pixels = (torch.arange(length_px, dtype=torch.float64) + 0.5) / factor
    centres = torch.arange(length_px // factor, dtype=torch.float64) + 0.5
    distance = (pixels - centres[:, None]).abs()
    match kernel:
        case "area":
            weights = (distance < 0.5).double()
        case "bicubic":
            weights = _keys(distance)
        case _:
            assert_never(kernel)
    return weights / weights.sum(1, keepdim=True)


def _keys(distance: Tensor) -> Tensor:
    """The piecewise cubic with a = -0.5 that is 1 at 0, 0 at 1 and 2 and beyond, and has a continuous derivative."""
    a = -0.5
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))


def _separable(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows @ picture @ columns^T` for every channel, in the working precision."""
    planes = working(picture).flatten(0, -3)
    # One product a plane: a single product of all rows would be cut up, and so rounded, by the batch's size.
    smaller = torch.bmm(rows.expand(len(planes), -1, -1), planes)
    result = torch.bmm(smaller, columns.mT.expand(len(planes), -1, -1))
    return result.reshape(*picture.shape[:-2], *result.shape[-2:]).to(picture.dtype)


@lru_cache(maxsize=64)
def _placed(
    length_px: int, factor: int, kernel: Kernel, inverse: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    # Outside of inference mode whoever asks first: a cached inference tensor could not be differentiated through later.
    with torch.inference_mode(False), torch.no_grad():
        matrix = reduction(length_px, factor, kernel)
        return (torch.linalg.pinv(matrix) if inverse else matrix).to(device, dtype)
