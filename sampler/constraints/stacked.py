"""Several operators on one picture at once: a sum of constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, prod

import torch
from torch import Tensor

from sampler.constraints.conjugate_gradient import conjugate_gradient
from sampler.constraints.linear import LinearOperator, require_picture, working

MAX_ITERATIONS = 500


@dataclass(frozen=True, eq=False)
class Stacked:
    """`A x = (A_1 x, A_2 x, …)`, flattened to one vector: measurements are (..., m).

    `image_shape` (C, H, W) is what the operators are applied to, and fixes how a vector is cut into their measurements:
    `join` makes it and `split` takes it apart. `A^T y = sum_i A_i^T y_i`.

    `A^+ y = argmin |A x - y|^2`, of least norm, by conjugate gradients on `A^T A` to a relative residual of 1e-6 (1e-12
    in float64) or for at most 500 iterations. Measurements that contradict each other are met in least squares, each
    number weighing the same. A positive `regularisation` adds `regularisation * |x|^2`, as in `Blur`: give it when a
    blur is among the operators, whose exact inverse would blow up noise, and `A A^+ A = A` holds as far as it does
    there. `A^+` is always regularised in that way only, never by the operators' own.

    Raises `ValueError` without operators, if one does not take images of that shape, or for a regularisation that is
    negative.
    """

    operators: tuple[LinearOperator, ...]
    image_shape: tuple[int, int, int]
    regularisation: float = 0.0
    _shapes: tuple[torch.Size, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.operators:
            raise ValueError("nothing is stacked")
        if not (isfinite(self.regularisation) and self.regularisation >= 0):
            raise ValueError("regularisation must not be negative")
        blank = torch.zeros(self.image_shape)
        object.__setattr__(self, "_shapes", tuple(operator.forward(blank).shape for operator in self.operators))

    def forward(self, image: Tensor) -> Tensor:
        """Every operator's measurement of the picture, joined, (..., m)."""
        require_picture(image)
        if image.shape[-3:] != self.image_shape:
            raise ValueError(f"expected images {self.image_shape}, not {tuple(image.shape)}")
        return self.join([operator.forward(image) for operator in self.operators])

    def adjoint(self, measurement: Tensor) -> Tensor:
        """The sum of the operators' adjoints, (..., C, H, W)."""
        parts = self.split(working(measurement))
        images = [operator.adjoint(part) for operator, part in zip(self.operators, parts, strict=True)]
        return torch.stack(images).sum(0).to(measurement.dtype)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        """The image of the class's docstring; raises `DivergedError` for values that are not finite."""

        def normal(x: Tensor) -> Tensor:
            return self.adjoint(self.forward(x)) + self.regularisation * x

        b = self.adjoint(working(measurement))
        return conjugate_gradient(normal, b, MAX_ITERATIONS).x.to(measurement.dtype)

    def join(self, measurements: Sequence[Tensor]) -> Tensor:
        """One vector (..., m) from a measurement of each operator; raises `ValueError` if their shapes do not fit."""
        if len(measurements) != len(self._shapes):
            raise ValueError(f"expected {len(self._shapes)} measurements, not {len(measurements)}")
        flat = []
        for measurement, shape in zip(measurements, self._shapes, strict=True):
            leading = measurement.ndim - len(shape)
            if leading < 0 or measurement.shape[leading:] != shape:
                raise ValueError(f"expected a measurement {tuple(shape)}, not {tuple(measurement.shape)}")
            flat.append(measurement.flatten(leading))
        if len({part.shape[:-1] for part in flat}) > 1:
            raise ValueError("all measurements must have the same leading dimensions")
        return torch.cat(flat, -1)

    def split(self, measurement: Tensor) -> tuple[Tensor, ...]:
        """Each operator's part of a vector (..., m); raises `ValueError` for another length."""
        lengths = [prod(shape) for shape in self._shapes]
        if measurement.ndim < 1 or measurement.shape[-1] != sum(lengths):
            raise ValueError(f"expected (..., {sum(lengths)}), not {tuple(measurement.shape)}")
        leading, parts = measurement.shape[:-1], torch.split(measurement, lengths, -1)
        return tuple(part.reshape(*leading, *shape) for part, shape in zip(parts, self._shapes, strict=True))
