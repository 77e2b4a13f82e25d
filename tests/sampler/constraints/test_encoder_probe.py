from __future__ import annotations

import torch
from torch import Tensor

from sampler.constraints.encoder_probe import read_off_encoder
from sampler.engine import run
from tests.sampler.autoencoders import AutoencoderEvaluator, invertible

PICTURE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_no_error_of_the_picture_is_none_of_its_latents_whatever_the_company_rounds() -> None:
    rounding = torch.Generator().manual_seed(1)

    def encode_one(image: Tensor) -> Tensor:
        latents = invertible().encode_one(image)
        return latents + 1e-6 * torch.randn(latents.shape, generator=rounding)

    world = AutoencoderEvaluator(encode_one, invertible().decode_one)
    direction = run(read_off_encoder(PICTURE, torch.zeros_like(PICTURE)), world)
    assert torch.equal(direction, torch.zeros(4, 8, 8))
    assert world.asked == ["encode"]


def test_an_error_of_a_single_pixel_is_probed_with_two_encodes() -> None:
    world, r = invertible(), torch.zeros_like(PICTURE)
    r[1, 5, 7] = 0.1
    direction = run(read_off_encoder(PICTURE, r), world)
    assert direction.any()
    assert world.asked == ["encode", "encode"]
