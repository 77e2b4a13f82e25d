"""Networks whose features carry a picture's style: CLIP's vision tower, and the embedded model's small classifier."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel

from jobs.settings import Settings
from sampler.constraints.style import Features
from worker.errors import ModelUnusable
from worker.model import find

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of pixels in [0, 1]: what every OpenAI CLIP was trained with (`preprocessor_config.json` of its checkpoints)."""
CLIP_BLOCKS = 3
"""How many blocks the tokens pass through: the published code takes the block of index 2, counted from 0."""
JUDGE_FILE = "judge.safetensors"
JUDGE_WIDTHS = (24, 48, 96, 128)
JUDGE_INPUT_PX = 64
JUDGE_LAYERS = (0, 1, 2)


class ClipFeatures:
    """The patches' tokens after the last block of a CLIP vision tower: `sampler.constraints.style.Features`.

    `vision` is a `CLIPVisionModel` cut off after the wanted block. The class token is left out: it belongs to no
    place.
    """

    def __init__(self, vision: CLIPVisionModel) -> None:
        self._vision = vision.float().eval().requires_grad_(False)
        self._size_px: int = vision.config.image_size
        self._mean, self._std = (
            torch.tensor(values, device=vision.device).reshape(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD)
        )

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        """Tokens (n, c) of an image (3, H, W), scaled to the tower's own square."""
        size = (self._size_px, self._size_px)
        small = functional.interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
        pixels = ((small + 1.0) / 2.0 - self._mean) / self._std
        tokens: Tensor = self._vision(pixel_values=pixels[None]).last_hidden_state[0, 1:]
        return (tokens,)


def load_clip_features(source: str | Path, device: torch.device, blocks: int = CLIP_BLOCKS) -> ClipFeatures:
    """Read the first `blocks` blocks of a CLIP checkpoint's vision tower, from a folder or the hub, in float32.

    Only safetensors are read. Raises `ModelUnusable` if it is no CLIP, or has fewer.
    """
    try:
        config = CLIPVisionConfig.from_pretrained(source)
        if not 1 <= blocks <= config.num_hidden_layers:
            raise ModelUnusable(f"{source} has {config.num_hidden_layers} blocks, not {blocks}")
        config.num_hidden_layers = blocks
        vision = CLIPVisionModel.from_pretrained(source, config=config, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnusable(f"{source} cannot be loaded as a CLIP vision tower: {error}") from error
    return ClipFeatures(vision.to(device))


class JudgeFeatures(nn.Module):
    """The convolutional layers of the scenes' classifier in `models/judge`: `sampler.constraints.style.Features`.

    Four convolutions that halve the picture, each normalised in groups of channels and passed through SiLU; the
    picture is first reduced to 64×64, the size that it was trained on.
    """

    def __init__(self, layers: tuple[int, ...] = JUDGE_LAYERS) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, width in zip((3, *JUDGE_WIDTHS), JUDGE_WIDTHS, strict=False):
            blocks += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
        self.body = nn.Sequential(*blocks)
        self._layers = layers

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The chosen layers' maps (c, h, w) of an image (3, H, W)."""
        maps = functional.interpolate(image[None], (JUDGE_INPUT_PX, JUDGE_INPUT_PX), mode="area")
        outputs = []
        for block in self.body:
            maps = block(maps)
            if isinstance(block, nn.SiLU):
                outputs.append(maps[0])
        return tuple(outputs[layer] for layer in self._layers)


def load_judge_features(folder: Path, device: torch.device, layers: tuple[int, ...] = JUDGE_LAYERS) -> JudgeFeatures:
    """Read the classifier of `folder`, in float32. Raises `ModelUnusable` if it is not there or does not fit."""
    features = JudgeFeatures(layers)
    try:
        weights = load_file(folder / JUDGE_FILE)
        features.load_state_dict({name: value for name, value in weights.items() if name.startswith("body.")})
    except (OSError, RuntimeError) as error:
        raise ModelUnusable(f"{folder} holds no classifier of scenes: {error}") from error
    return features.float().eval().requires_grad_(False).to(device)


def find_style_features(settings: Settings, device: torch.device) -> Features | None:
    """The network that sees styles: the configured CLIP, else the classifier of scenes beside the model, else None.

    Raises:
        ModelUnusable: it is configured or there, but cannot be loaded.
    """
    if settings.style_model is not None:
        return load_clip_features(find(settings.style_model), device)
    model = find(settings.model)
    if isinstance(model, Path) and (model.parent / "judge" / JUDGE_FILE).is_file():
        return load_judge_features(model.parent / "judge", device)
    return None
