"""A random Stable Diffusion in diffusers' folder format, small enough that an evaluation takes about a millisecond."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel

from training.text import make_text_encoder, make_tokenizer

CAPTIONS = ["a red butterfly on a green field", "a blue house", "two yellow flowers", "a face"]


def make_tiny_model(folder: Path, *, prediction_type: str = "v_prediction", in_channels: int = 4) -> Path:
    """Write the pipeline (native 128×128, latents 16×16×4) to `folder / "tiny-128"` and return that."""
    torch.manual_seed(1)
    tokenizer = make_tokenizer(CAPTIONS, folder / "tokenizer", merges=32)
    text_encoder: CLIPTextModel = make_text_encoder(tokenizer)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=4,
        sample_size=128,
        scaling_factor=0.9,
    )
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=in_channels,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=8,
        cross_attention_dim=text_encoder.config.hidden_size,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction_type,
        rescale_betas_zero_snr=prediction_type == "v_prediction",
        timestep_spacing="trailing" if prediction_type == "v_prediction" else "leading",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    )
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "tiny-128", safe_serialization=True)
    return folder / "tiny-128"
