"""Inpainting stated in pixels: what is known of a picture, seen through the autoencoder.

An encoder's receptive field crosses the border of the hole, so the latents of known cells depend on what the hole is
filled with before encoding; with its border carried on they are off by more than the sampler itself. So the hole is
filled again while sampling: at a few points the clean estimate is decoded into it and the known pixels are encoded once
more. Nothing of the true hole enters, and no network evaluation is spent: a `Decode` and an `Encode` each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sampler.constraints.base import Misfit
from sampler.constraints.inpaint import InpaintConstraint
from sampler.evaluation import Process, decode, encode

REFILLS = (0.3, 0.5, 0.7, 0.9)
"""Shares of the steps after which the hole is filled again."""


@dataclass(frozen=True, eq=False)
class KnownPixels:
    """Keep the known pixels of `image` (3, H, W) in [-1, 1], whose hole is filled; `known` (H, W) is 1 where known.

    `latents` is the constraint as it stands, `refills` the shares of the steps after which it is still to be renewed.
    """

    image: Tensor
    known: Tensor
    latents: InpaintConstraint
    refills: tuple[float, ...]

    @property
    def y(self) -> Tensor:
        """The known latents (c, h, w) as they stand, 0 where unknown."""
        return self.latents.y

    @property
    def mask(self) -> Tensor:
        """(c, h, w): the known latent cells."""
        return self.latents.mask

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        """Misfit of the known latents; asks for nothing."""
        return self.latents.misfit(x0_hat)

    def renewed(self, x0_hat: Tensor, done: float) -> Process[KnownPixels]:
        """The constraint with its hole filled from the clean estimate, when the next share of the steps is done.

        After the last step it is not renewed: nothing would be sampled with it.
        """
        if not self.refills or done < self.refills[0] or done >= 1.0:
            return self
        picture = yield from decode(x0_hat)
        filled = torch.where(self.known > 0, self.image, picture.clamp(-1.0, 1.0))
        y = yield from encode(filled)
        due = tuple(share for share in self.refills if share > done)
        return replace(self, latents=InpaintConstraint(y, self.latents.mask), refills=due)


def encode_known(
    image: Tensor, known: Tensor, cells: Tensor, refills: tuple[float, ...] = REFILLS
) -> Process[KnownPixels]:
    """State the constraint, by a first `Encode` of `image` as it is filled.

    `image` (3, H, W) and `known` (H, W) as in `KnownPixels`; `cells` (h, w) in [0, 1], the known latent cells. The hole
    of `image` must hold nothing of the truth (`sampler.fill.extend_border`).
    """
    y = yield from encode(image)
    return KnownPixels(image, known, InpaintConstraint(y, cells), refills)
