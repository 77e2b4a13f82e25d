"""Blur with a known kernel: `A x = k * x`, the picture reflected at its borders."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, isfinite, radians, sin

import torch
from torch import Tensor

from sampler.constraints.conjugate_gradient import conjugate_gradient
from sampler.constraints.linear import require_picture, working

MAX_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class Blur:
    """`A x = k * x`, a convolution: a single bright point becomes the kernel. Measurements have the image's shape.

    `kernel` (h, w): odd sides, non-negative, sum 1 (to 1e-4). Beyond its border the picture is reflected, edge pixels
    not repeated: no dark or wrapped frame, as zeros or a circular convolution would make in a photograph. The adjoint
    is exact, the transposed reflection included. Computed in Fourier space, at a cost that does not depend on the
    kernel's size.

    The pseudo-inverse is regularised: `A^+ y = argmin |A x - y|^2 + regularisation * |x|^2`, which never amplifies
    noise by more than `1 / (2 sqrt(regularisation))` (16 by default). `A A^+ A = A` therefore holds up to
    `|A A^+ A x - A x| <= sqrt(regularisation) / 2 * |x|` (1.6 %), and much closer for what the kernel lets through.
    Solved by conjugate gradients, to a relative residual of 1e-6 (1e-12 in float64) or for at most 300 iterations.

    Raises `ValueError` for other kernels, a regularisation that is not positive, and pictures whose sides are not
    longer than half the kernel's.
    """

    kernel: Tensor
    regularisation: float = 1e-3

    def __post_init__(self) -> None:
        if self.kernel.ndim != 2 or not all(side % 2 for side in self.kernel.shape):
            raise ValueError(f"a kernel is (h, w) with odd sides, not {tuple(self.kernel.shape)}")
        if not bool((self.kernel >= 0).all()) or abs(float(self.kernel.double().sum()) - 1.0) > 1e-4:
            raise ValueError("a kernel must be non-negative and sum to 1")
        if not (isfinite(self.regularisation) and self.regularisation > 0):
            raise ValueError("regularisation must be positive")

    def forward(self, image: Tensor) -> Tensor:
        """The blurred picture."""
        return self._convolved(working(image), self._transfer(image)).to(image.dtype)

    def adjoint(self, measurement: Tensor) -> Tensor:
        """Every blurred pixel handed back to those that it was made of, by their weights."""
        return self._correlated(working(measurement), self._transfer(measurement)).to(measurement.dtype)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """The regularised deblurring of the class's docstring; raises `DivergedError` for values not finite."""
        transfer = self._transfer(measurement)

        def normal(x: Tensor) -> Tensor:
            return self._correlated(self._convolved(x, transfer), transfer) + self.regularisation * x

        b = self._correlated(working(measurement), transfer)
        return conjugate_gradient(normal, b, MAX_ITERATIONS).x.to(measurement.dtype)

    @property
    def _radii(self) -> tuple[int, int]:
        return self.kernel.shape[0] // 2, self.kernel.shape[1] // 2

    def _transfer(self, picture: Tensor) -> Tensor:
        """The kernel's Fourier transform on the grid of the reflected picture."""
        require_picture(picture)
        sides, radii = picture.shape[-2:], self._radii
        if not all(radius < side for radius, side in zip(radii, sides, strict=True)):
            raise ValueError(f"a picture {tuple(picture.shape)} is too small for a kernel {tuple(self.kernel.shape)}")
        kernel = self.kernel.to(picture.device, torch.promote_types(picture.dtype, torch.float32))
        grid = [side + 2 * radius for radius, side in zip(radii, sides, strict=True)]
        transfer: Tensor = torch.fft.rfft2(kernel, s=grid)
        return transfer

    def _convolved(self, image: Tensor, transfer: Tensor) -> Tensor:
        (y_px, x_px), (height, width) = self._radii, image.shape[-2:]
        reflected = _reflect(_reflect(image, y_px, -2), x_px, -1)
        wrapped: Tensor = torch.fft.irfft2(torch.fft.rfft2(reflected) * transfer, s=reflected.shape[-2:])
        # What wrapped around lies in the first 2 * radius rows and columns.
        return wrapped[..., 2 * y_px : 2 * y_px + height, 2 * x_px : 2 * x_px + width]

    def _correlated(self, measurement: Tensor, transfer: Tensor) -> Tensor:
        y_px, x_px = self._radii
        framed = torch.nn.functional.pad(measurement, (2 * x_px, 0, 2 * y_px, 0))
        spread: Tensor = torch.fft.irfft2(torch.fft.rfft2(framed) * transfer.conj(), s=framed.shape[-2:])
        return _fold(_fold(spread, y_px, -2), x_px, -1)


def _reflect(image: Tensor, radius: int, dim: int) -> Tensor:
    """Continue a picture by `radius` pixels on both sides of `dim`, mirrored about its edge pixels."""
    length = image.shape[dim]
    before = image.narrow(dim, 1, radius).flip(dim)
    after = image.narrow(dim, length - 1 - radius, radius).flip(dim)
    return torch.cat([before, image, after], dim)


def _fold(image: Tensor, radius: int, dim: int) -> Tensor:
    """The transpose of `_reflect`: what lies beyond the edges is added where it had been taken from."""
    length = image.shape[dim] - 2 * radius
    inside = image.narrow(dim, radius, length)
    before = image.narrow(dim, 0, radius).flip(dim)
    after = image.narrow(dim, radius + length, radius).flip(dim)
    return inside + _between(before, 1, length, dim) + _between(after, length - 1 - radius, length, dim)


def _between(part: Tensor, start: int, length: int, dim: int) -> Tensor:
    """`part` at `start` among zeros, `length` long."""
    after = length - start - part.shape[dim]
    return torch.nn.functional.pad(part, (start, after) if dim == -1 else (0, 0, start, after))


def gaussian_kernel(sigma_px: float) -> Tensor:
    """A Gaussian (h, h) float64 with standard deviation `sigma_px`, cut off at 4 of them and normalised.

    Raises `ValueError` unless `sigma_px` is positive and finite.
    """
    if not (isfinite(sigma_px) and sigma_px > 0):
        raise ValueError("sigma_px must be positive")
    radius = ceil(4 * sigma_px)
    profile = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma_px) ** 2)
    return torch.outer(profile, profile) / profile.sum() ** 2


def motion_kernel(length_px: float, angle_deg: float) -> Tensor:
    """A straight, even motion: the picture, interpolated bilinearly, averaged along a line. (h, w) float64.

    `angle_deg` is counted anticlockwise from the horizontal, as one sees it. The integral is a midpoint sum of 64
    points a pixel. Raises `ValueError` unless `length_px` is positive and both are finite.
    """
    if not (isfinite(length_px) and length_px > 0 and isfinite(angle_deg)):
        raise ValueError("length_px must be positive and angle_deg finite")
    count = ceil(64 * length_px)
    along = ((torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5) * length_px
    weights_x = _tents(along * cos(radians(angle_deg)))
    weights_y = _tents(-along * sin(radians(angle_deg)))  # y grows downwards
    return weights_y.T @ weights_x / count


def _tents(positions: Tensor) -> Tensor:
    """(points, pixels): the weights of the pixels in a linear interpolation at each position; pixel 0 in the middle."""
    radius = ceil(float(positions.abs().max()) - 1e-9)
    pixels = torch.arange(-radius, radius + 1, dtype=positions.dtype)
    return (1 - (positions[:, None] - pixels).abs()).clamp(min=0)
