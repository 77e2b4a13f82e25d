"""Style: the picture's features shall vary together as those of a reference picture do.

The Gram matrix `G = F F^T / n` of features at n places forgets where they are (Gatys et al. 2016, "Image style transfer
using convolutional neural networks"). The cost is `C = mean over layers of |G - G_ref|_F^2 / |G_ref|_F^2`. arXiv
2410.18804 uses one layer, tokens of an early block of CLIP's ViT-B/16, and the norm without its square: the same
direction in another length. Only the small network of the features is differentiated, never the denoiser or the
autoencoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor

from sampler.constraints.base import Misfit
from sampler.constraints.encoder_probe import read_off_encoder
from sampler.errors import DivergedError
from sampler.evaluation import Process, decode

LARGEST_CHANGE = 0.25
"""How far a misfit may ask a pixel to go, in units of [-1, 1]: a cost's slope says nothing about what is farther."""


class Features(Protocol):
    """A small differentiable network that looks at pictures."""

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features of an image (3, H, W) float32, about [-1, 1]: each maps (c, h, w) or tokens (n, c)."""
        ...


def gram(features: Tensor) -> Tensor:
    """`F F^T / n` (c, c) of maps (c, h, w) or tokens (n, c). Raises `ValueError` for other shapes."""
    if features.ndim not in (2, 3):
        raise ValueError(f"features are maps (c, h, w) or tokens (n, c), not {tuple(features.shape)}")
    columns = features.flatten(1) if features.ndim == 3 else features.mT
    return columns @ columns.mT / columns.shape[1]


def grams(features: Features, image: Tensor) -> tuple[Tensor, ...]:
    """The Gram matrix of every layer, for an image (3, H, W) of any size that the network takes."""
    with torch.inference_mode(False), torch.no_grad():
        return tuple(gram(layer) for layer in features(image.clone()))


@dataclass(frozen=True, eq=False)
class StyleConstraint:
    """`reference` holds the Gram matrices (c, c) of the reference picture's features, see `grams`; none may be zero.

    `residual` is `sqrt(C)`, the distance of the Gram matrices relative to the reference's size: 0 for the reference
    itself, 1 for a picture without features. Raises `ValueError` for an empty or a zero reference.
    """

    features: Features
    reference: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        if not self.reference or not all(bool(layer.any()) for layer in self.reference):
            raise ValueError("a style needs Gram matrices that are not zero")

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """One `Decode`, a gradient through the features' network, and two `Encode`. Raises `DivergedError` on NaN."""
        picture = yield from decode(x0_hat)
        cost, gradient = differentiated(self.features, self.reference, picture)
        direction = yield from read_off_encoder(picture, _error(cost, gradient))
        return Misfit(direction, sqrt(cost))

    def renewed(self, x0_hat: Tensor, done: float) -> Process[StyleConstraint]:
        """Itself: the reference stays as it is."""
        yield from ()
        return self


def cost_of(features: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
    """`C`, a scalar, of features against the reference's Gram matrices; differentiable."""
    layers = [
        (gram(layer) - wanted).square().sum() / wanted.square().sum()
        for layer, wanted in zip(features, reference, strict=True)
    ]
    return torch.stack(layers).mean()


def differentiated(features: Features, reference: Sequence[Tensor], picture: Tensor) -> tuple[float, Tensor]:
    """`C` of a picture (3, H, W) and its gradient with respect to the pixels. Raises `DivergedError` on NaN."""
    with torch.inference_mode(False), torch.enable_grad():
        pixels = picture.detach().clone().requires_grad_(True)
        cost = cost_of(features(pixels), reference)
        (gradient,) = torch.autograd.grad(cost, pixels)
    if not bool(gradient.isfinite().all()):
        raise DivergedError("the gradient of a style is not finite")
    return float(cost.detach()), gradient


def _error(cost: float, gradient: Tensor) -> Tensor:
    """The gradient as an error of the picture: the step that would halve the misfit if the cost were a parabola.

    Its length `C / |gradient|^2` is Newton's for a square with minimum 0, as in Polyak's step; never so long that a
    pixel would change by more than `LARGEST_CHANGE`.
    """
    slope, steepest = float(gradient.square().sum()), float(gradient.abs().amax())
    if not slope > 0.0:
        return torch.zeros_like(gradient)
    return -min(cost / slope, LARGEST_CHANGE / steepest) * gradient
