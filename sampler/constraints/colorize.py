"""Colour from grey: `A x` is the luminance of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sampler.constraints.linear import require_picture, working

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in Rec. ITU-R BT.601, taken on gamma-encoded values as they are: what Pillow's "L",
OpenCV and JPEG call grey. (BT.709's are 0.2126, 0.7152, 0.0722.)"""


@dataclass(frozen=True)
class Colorize:
    """`A x = w · x` over the channels, `A^T y = w y`, `A^+ y = w y / (w · w)`: exact.

    `w` is `LUMINANCE`. Images are (..., 3, H, W), measurements (..., 1, H, W); as the weights sum to 1, a range of
    [-1, 1] stays one.
    """

    def forward(self, image: Tensor) -> Tensor:
        """The luminance, (..., 1, H, W)."""
        require_picture(image, channels=3)
        return (working(image) * _weights(image)).sum(-3, keepdim=True).to(image.dtype)

    def adjoint(self, measurement: Tensor) -> Tensor:
        """The luminance handed to every channel by its weight, (..., 3, H, W)."""
        require_picture(measurement, channels=1)
        return (working(measurement) * _weights(measurement)).to(measurement.dtype)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """The image of least norm with that luminance, (..., 3, H, W); greenish, as green has the largest weight."""
        require_picture(measurement, channels=1)
        squared_norm = sum(weight * weight for weight in LUMINANCE)
        return (working(measurement) / squared_norm * _weights(measurement)).to(measurement.dtype)


def _weights(picture: Tensor) -> Tensor:
    """(3, 1, 1), in the working precision and on the device of the picture."""
    return working(picture.new_tensor(LUMINANCE, dtype=working(picture.new_empty(0)).dtype)).reshape(3, 1, 1)
