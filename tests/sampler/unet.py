"""Real diffusers networks as the sampler's network: a small random one, and the embedded model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from sampler.evaluation import Conditioning, Decode, Denoise, Denoised, Encode
from sampler.guidance import evaluate
from sampler.prediction import PredictionType, to_x0_and_eps
from sampler.schedule import Schedule


def small_random_unet(seed: int = 0) -> Any:
    """Some 40 000 parameters, 4×8×8 latents, 16-dimensional text; attention that has forward-mode derivatives."""
    torch.manual_seed(seed)
    construct: Any = UNet2DConditionModel
    unet = construct(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    return differentiable(unet)


def differentiable(unet: Any) -> Any:
    """The network with attention in plain operations, in float32, without gradients of its weights."""
    unet.set_attn_processor(AttnProcessor())
    return unet.float().eval().requires_grad_(False)


@dataclass
class UnetEvaluator:
    """A UNet as an `Evaluator`, computing in `dtype`. Its images are its latents' first three channels, enlarged."""

    unet: Any
    prediction_type: PredictionType = "v_prediction"
    schedule: Schedule = field(default_factory=Schedule.from_betas)
    dtype: torch.dtype = torch.float32
    batch_rows: list[int] = field(default_factory=list)

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        self.batch_rows.append(len(x_t))
        with torch.no_grad(), torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32):
            output: Tensor = self.unet(x_t, timesteps, prompts).sample
        return output

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        return evaluate(requests, self.network, self.schedule, self.prediction_type)

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        return [request.image[[0, 1, 2, 0], ::8, ::8] for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        return [request.latents[:3].repeat_interleave(8, 1).repeat_interleave(8, 2) for request in requests]

    def exact_jacobian_vector(self, x_t: Tensor, timestep: int, conditioning: Conditioning, e: Tensor) -> Tensor:
        """`J e` by forward-mode differentiation in float32, (c, h, w)."""
        alpha_t, sigma_t = self.schedule.alpha_sigma(timestep)

        def x0_hat(x: Tensor) -> Tensor:
            output = self.unet(x[None], torch.tensor([timestep]), conditioning.prompt[None]).sample[0]
            return to_x0_and_eps(self.prediction_type, output, x, alpha_t, sigma_t)[0]

        product: Tensor = torch.func.jvp(x0_hat, (x_t,), (e,))[1]
        return product
