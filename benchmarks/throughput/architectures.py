"""Real architectures with random weights: what speed and memory are measured on where no checkpoint is at hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, models
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

BLOCKS = 4


def write_sd15(folder: Path) -> Path:
    """Stable Diffusion 1.5's networks, randomly initialised, as a checkpoint in `folder`; about 4 GB in float32.

    Sizes are those of its published configuration: a UNet of 860 million parameters for 64×64 latents, an autoencoder
    of 84 million, and CLIP ViT-L/14's text side of 123 million. The tokenizer knows single bytes only.
    """
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * BLOCKS,
            up_block_types=("UpDecoderBlock2D",) * BLOCKS,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                projection_dim=768,
            )
        ),
        tokenizer=_byte_tokenizer(),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _byte_tokenizer() -> CLIPTokenizer:
    """CLIP's format with letters for words: the length of a prompt does not change what a call costs."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        model = models.BPE({word: number for number, word in enumerate(words)}, [], end_of_word_suffix="</w>")
        Tokenizer(model).model.save(folder)
        tokenizer: CLIPTokenizer = CLIPTokenizer(
            vocab=str(Path(folder) / "vocab.json"), merges=str(Path(folder) / "merges.txt"), model_max_length=77
        )
    return tokenizer
