"""Inpainting: `A` multiplies with the mask of what is known, so `A^+ (y - A x0_hat) = mask * (y - x0_hat)`."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sampler.constraints.base import Misfit
from sampler.evaluation import Process


@dataclass(frozen=True, eq=False)
class InpaintConstraint:
    """Keep the known latents.

    `y`: latents (c, h, w) float32, arbitrary where unknown. `mask`: (h, w), (1, h, w) or (c, h, w) in [0, 1] with
    1 known, 0 unknown, and grey a strength in between: the share of the way to `y` that a correction goes. (The paper's
    solver has steps of a fixed length: it tells strengths apart only within a mask.) Kept as (c, h, w). Raises
    `ValueError` for other shapes or values.
    """

    y: Tensor
    mask: Tensor
    seen: Tensor = field(init=False, repr=False)
    """(c, h, w): 1 where anything is known."""

    _total: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        channels, height, width = self.y.shape
        if self.mask.shape not in {(height, width), (1, height, width), (channels, height, width)}:
            raise ValueError(f"a mask of shape {tuple(self.mask.shape)} does not fit latents {tuple(self.y.shape)}")
        if not bool(((self.mask >= 0) & (self.mask <= 1)).all()):
            raise ValueError("mask values must lie in [0, 1]")
        mask = self.mask.to(self.y).expand_as(self.y)
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "seen", (mask > 0).to(mask))
        object.__setattr__(self, "_total", float(mask.sum()))
        object.__setattr__(self, "y", self.y.masked_fill(mask == 0, 0.0))  # whatever it was, it must not enter

    def error_direction(self, x0_hat: Tensor) -> Tensor:
        """`mask * (y - x0_hat)`; what was unknown never enters."""
        return self.mask * (self.y - x0_hat)

    def residual(self, x0_hat: Tensor) -> float:
        """Root of the mask-weighted mean square of `y - x0_hat`."""
        squares = (self.mask * (self.y - x0_hat).square()).sum()
        return float(squares / self._total) ** 0.5 if self._total > 0 else 0.0

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """The masked error and its size; asks for nothing."""
        yield from ()
        return Misfit(self.error_direction(x0_hat), self.residual(x0_hat), self.seen)

    def renewed(self, x0_hat: Tensor, done: float) -> Process[InpaintConstraint]:
        """Itself: what was measured stays as it is."""
        yield from ()
        return self
