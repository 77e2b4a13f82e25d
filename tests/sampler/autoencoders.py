"""Autoencoders as evaluators: one whose encoder inverts its decoder, and a real one with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from sampler.evaluation import (
    Conditioning,
    Decode,
    Denoise,
    Denoised,
    Differentiate,
    Differentiated,
    Encode,
    gradient_of,
)

CHANNELS, CELL_PX = 4, 2


@dataclass
class AutoencoderEvaluator:
    """Two functions, images (3, H, W) to latents (4, h, w) and back, as the autoencoder of an `Evaluator`."""

    encode_one: Callable[[Tensor], Tensor]
    decode_one: Callable[[Tensor], Tensor]
    asked: list[str] = field(default_factory=list)
    """The kinds of the requests, in order."""

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        raise AssertionError("a constraint asks the denoiser for nothing")

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        self.asked += ["encode"] * len(requests)
        with torch.no_grad():
            return [self.encode_one(request.image) for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        self.asked += ["decode"] * len(requests)
        with torch.no_grad():
            return [self.decode_one(request.latents) for request in requests]

    def differentiate(self, request: Differentiate) -> Differentiated:
        self.asked.append("differentiate")
        return gradient_of(request, _Networks(self))


@dataclass
class _Networks:
    evaluator: AutoencoderEvaluator

    def denoise(self, x_t: Tensor, timestep: int, conditioning: Conditioning) -> Denoised:
        raise AssertionError("a constraint asks the denoiser for nothing")

    def encode(self, image: Tensor) -> Tensor:
        return self.evaluator.encode_one(image)

    def decode(self, latents: Tensor) -> Tensor:
        return self.evaluator.decode_one(latents)


def invertible() -> AutoencoderEvaluator:
    """`D(z) = Q sinh(z / 2)` in cells of 2×2 pixels, `Q` with orthonormal columns, and the `E` that inverts it."""
    Q = torch.linalg.qr(torch.randn(3 * CELL_PX**2, CHANNELS, generator=torch.Generator().manual_seed(5)))[0]

    def encode_one(image: Tensor) -> Tensor:
        return 2 * torch.einsum("pc,phw->chw", Q, functional.pixel_unshuffle(image, CELL_PX)).asinh()

    def decode_one(latents: Tensor) -> Tensor:
        return functional.pixel_shuffle(torch.einsum("pc,chw->phw", Q, (latents / 2).sinh()), CELL_PX)

    return AutoencoderEvaluator(encode_one, decode_one)


def random_kl() -> AutoencoderEvaluator:
    """The autoencoder of diffusers with random weights in float64: cells of 2×2 pixels, no attention."""
    torch.manual_seed(6)
    construct: Any = AutoencoderKL
    vae = construct(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=CHANNELS,
        mid_block_add_attention=False,
    )
    vae = vae.double().eval().requires_grad_(False)
    return AutoencoderEvaluator(
        lambda image: vae.encode(image[None]).latent_dist.mode()[0], lambda latents: vae.decode(latents[None]).sample[0]
    )
