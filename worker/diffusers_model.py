"""A Stable Diffusion in diffusers' classes as an `Evaluator`: batches in, batches out, nothing remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

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
from sampler.guidance import evaluate
from sampler.prediction import PredictionType
from sampler.schedule import Schedule

REMEMBERED_PROMPTS = 256


@dataclass(frozen=True)
class ModelParts:
    """What a checkpoint consists of. The first four are diffusers' and transformers' objects, which have no types."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    schedule: Schedule
    prediction_type: PredictionType


class DiffusersModel:
    """UNet, autoencoder and text encoder, all of precision `dtype`, on one device.

    `extra_channels`: how many channels the UNet takes besides the latents, 0 for text to image (`Denoise.extra`).
    `denoise`, `encode` and `decode` are for one thread at a time; `conditioning` may be called from any. Answers are
    float32 on `device`. Out of memory raises: the engine halves the batch.
    """

    def __init__(
        self, name: str, parts: ModelParts, *, device: torch.device, dtype: torch.dtype, compiled: bool = False
    ) -> None:
        self.name = name
        self.device = device
        self.dtype = dtype
        self.schedule = parts.schedule
        self.prediction_type = parts.prediction_type
        self._unet = parts.unet.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self._vae = parts.vae.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self._text_encoder = parts.text_encoder.to(device).eval().requires_grad_(False)
        self._tokenizer = parts.tokenizer
        self._scaling: float = parts.vae.config.scaling_factor
        self._shift: float = parts.vae.config.get("shift_factor") or 0.0
        self.cell_px: int = 2 ** (len(parts.vae.config.block_out_channels) - 1)
        self.channels: int = parts.vae.config.latent_channels
        self.extra_channels: int = parts.unet.config.in_channels - self.channels
        self.native_size_px: int = parts.unet.config.sample_size * self.cell_px
        if compiled:
            self._unet.compile()
        self._prompts: OrderedDict[str, Tensor] = OrderedDict()
        self._prompt_lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What the weights of its three networks take."""
        networks = (self._unet, self._vae, self._text_encoder)
        return sum(weight.nbytes for network in networks for weight in network.state_dict().values())

    def latents_shape(self, width_px: int, height_px: int) -> tuple[int, int, int]:
        """(c, h, w) of the latents of a picture whose sides are whole cells."""
        return self.channels, height_px // self.cell_px, width_px // self.cell_px

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        """One call of the UNet for all requests; guided ones take two rows. One read-back for all of them."""
        with torch.inference_mode():
            answers = evaluate(requests, self.network, self.schedule, self.prediction_type)
            largest = torch.stack([answer.x0_hat for answer in answers]).abs().amax(dim=(1, 2, 3)).tolist()
        return [replace(answer, largest=size) for answer, size in zip(answers, largest, strict=True)]

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        """Posterior means times the scaling factor, (c, h, w) each."""
        with torch.inference_mode():
            return list(self.encode_images(torch.stack([request.image for request in requests])))

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        """Images (3, H, W), about [-1, 1]."""
        with torch.inference_mode():
            return list(self.decode_latents(torch.stack([request.latents for request in requests])))

    def differentiate(self, request: Differentiate) -> Differentiated:
        """Value and gradient of an objective by backpropagation, one at a time: for the methods we compare with."""
        return gradient_of(request, Differentiable(self))

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        """The text of one sample. The negative prompt is only used with guidance, that is a scale above 1."""
        if guidance_scale == 1.0:
            return Conditioning(self._embed(prompt))
        return Conditioning(self._embed(prompt), self._embed(negative_prompt), guidance_scale)

    def network(self, channels: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        """The UNet's raw output (rows, c, h, w) in its own precision.

        `channels` (rows, c + k, h, w): the noisy latents and the `extra_channels` that it was trained with. Raises
        `ValueError` for another number of them.
        """
        if channels.shape[1] != self.channels + self.extra_channels:
            given = channels.shape[1] - self.channels
            raise ValueError(f"{self.name} takes {self.extra_channels} channels besides its latents, not {given}")
        sample = channels.to(self.device, self.dtype, memory_format=torch.channels_last)
        context = prompts.to(self.device, self.dtype)
        output: Tensor = self._unet(sample, timesteps.to(self.device), context, return_dict=False)[0]
        return output

    def encode_images(self, images: Tensor) -> Tensor:
        """Images (n, 3, H, W) to latents (n, c, h, w) float32."""
        images = images.to(self.device, self.dtype, memory_format=torch.channels_last)
        mean = self._vae.encode(images).latent_dist.mode().float()
        latents: Tensor = (mean - self._shift) * self._scaling
        return latents

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Latents (n, c, h, w) to images (n, 3, H, W) float32."""
        latents = (latents / self._scaling + self._shift).to(self.device, self.dtype, memory_format=torch.channels_last)
        images: Tensor = self._vae.decode(latents, return_dict=False)[0].float()
        return images

    def _embed(self, prompt: str) -> Tensor:
        """(tokens, dim) float32; the last few hundred prompts are remembered."""
        with self._prompt_lock, torch.inference_mode():
            if prompt not in self._prompts:
                tokens = self._tokenizer(
                    prompt,
                    padding="max_length",
                    max_length=self._tokenizer.model_max_length,
                    truncation=True,
                    return_tensors="pt",
                )
                self._prompts[prompt] = self._text_encoder(tokens.input_ids.to(self.device))[0][0].float()
                if len(self._prompts) > REMEMBERED_PROMPTS:
                    self._prompts.popitem(last=False)
            self._prompts.move_to_end(prompt)
            return self._prompts[prompt]


class Differentiable:
    """A `DiffusersModel`'s networks for one sample, with gradients: `sampler.evaluation.Networks`."""

    def __init__(self, model: DiffusersModel) -> None:
        self._model = model

    def denoise(self, x_t: Tensor, timestep: int, conditioning: Conditioning) -> Denoised:
        """As `DiffusersModel.denoise`."""
        request = Denoise(x_t, timestep, conditioning)
        return evaluate([request], self._model.network, self._model.schedule, self._model.prediction_type)[0]

    def encode(self, image: Tensor) -> Tensor:
        """As `DiffusersModel.encode`."""
        return self._model.encode_images(image[None])[0]

    def decode(self, latents: Tensor) -> Tensor:
        """As `DiffusersModel.decode`."""
        return self._model.decode_latents(latents[None])[0]
