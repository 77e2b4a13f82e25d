"""Load the model once: where it comes from, on which device, in which precision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar

from jobs.settings import Settings
from sampler.prediction import PredictionType
from sampler.schedule import Schedule, Spacing
from worker.diffusers_model import DiffusersModel, ModelParts
from worker.errors import ModelUnusable

PREDICTION_TYPES: dict[str, PredictionType] = {"epsilon": "epsilon", "v_prediction": "v_prediction"}
NO_SIGNAL = 2.0**-24
"""Of `alphas_cumprod`: zero terminal SNR, for which some of diffusers' schedulers write this instead of 0."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(settings: Settings) -> DiffusersModel:
    """Load a Stable Diffusion 1.x or 2.x checkpoint in the diffusers layout, from a folder or the hub.

    Only safetensors are read: a checkpoint of pickles could run code.

    Raises:
        ModelUnusable: nothing is there, or it is not a text-to-image Stable Diffusion that we can sample from.
    """
    model = _load(settings, settings.model)
    if model.extra_channels:
        raise ModelUnusable("its UNet takes more than latents, a timestep and one text")
    return model


def load_inpainting(settings: Settings, unet: str | None = None) -> DiffusersModel:
    """Load a Stable Diffusion tuned for inpainting, whose UNet takes latents, a mask and masked latents.

    Only for comparison: the service samples from text-to-image models. `unet` names another folder or hub id, whose
    `unet` is taken in place of the one of `settings.model`.

    Raises:
        ModelUnusable: as `load` does, or it is not tuned for inpainting.
    """
    model = _load(settings, settings.model if unet is None else unet)
    if model.extra_channels != model.channels + 1:
        raise ModelUnusable("its UNet does not take latents, a mask and masked latents")
    return model


def _load(settings: Settings, unet: str) -> DiffusersModel:
    """The model of the settings with the UNet of `unet`, whatever channels that takes."""
    base, tuned = find(settings.model), find(unet)
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    if dtype is torch.float32 and device.type == "cuda":
        # TensorFloat-32 keeps ten bits of the mantissa: who asks for float32 gets float32.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    try:
        parts = _read(_origin(base, settings), _origin(tuned, settings), dtype)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnusable(f"{unet} cannot be loaded as a Stable Diffusion: {error}") from error
    name = tuned.name if isinstance(tuned, Path) else tuned
    return DiffusersModel(name, parts, device=device, dtype=dtype, compiled=settings.compile)


def _origin(source: Path | str, settings: Settings) -> dict[str, Any]:
    """Where diffusers and transformers find a checkpoint; the settings' revision is that of their own model."""
    revision = settings.model_revision if source == settings.model else None
    return {"pretrained_model_name_or_path": str(source), "revision": revision}


def _read(base: dict[str, Any], tuned: dict[str, Any], dtype: torch.dtype) -> ModelParts:
    """All parts of `base` but the UNet, which is that of `tuned`; both as `_origin` states them."""
    disable_progress_bar()
    safe: dict[str, Any] = {"use_safetensors": True, "dtype": dtype}
    unet = UNet2DConditionModel.from_pretrained(**tuned, subfolder="unet", **safe)
    vae = AutoencoderKL.from_pretrained(**base, subfolder="vae", **safe)
    text_encoder = CLIPTextModel.from_pretrained(**base, subfolder="text_encoder", **safe)
    tokenizer = CLIPTokenizer.from_pretrained(**base, subfolder="tokenizer")
    if unet.config.addition_embed_type is not None:
        raise ModelUnusable("its UNet takes more than latents, a timestep and one text")
    if unet.config.cross_attention_dim != text_encoder.config.hidden_size:
        raise ModelUnusable("its UNet does not fit its text encoder")
    config = DDIMScheduler.load_config(**base, subfolder="scheduler")
    schedule, prediction_type = read_scheduler(getattr(diffusers, config["_class_name"]).from_config(config))
    return ModelParts(unet, vae, text_encoder, tokenizer, schedule, prediction_type)


def find(model: str) -> Path | str:
    """The folder that `model` names (as given, else beside the packages), or `model` itself as a hub id.

    Raises:
        ModelUnusable: it is neither.
    """
    for folder in (Path(model).expanduser(), Path(__file__).parents[1] / model):
        if folder.is_dir():
            return folder.resolve()
    if model.count("/") == 1 and not model.startswith((".", "/", "~", "models/")):
        return model
    raise ModelUnusable(f"there is no folder {model}, and it is no hub id either")


def pick_device(device: str) -> torch.device:
    """The device that a setting names; `auto` is a GPU if there is one.

    Raises:
        ModelUnusable: torch does not know it, or it is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelUnusable(f"there is no device {device}") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ModelUnusable(f"there is no device {device}")
    return chosen


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The precision that a setting names; `auto` is float16 on a GPU and float32 on a CPU."""
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return DTYPES[dtype]


def read_scheduler(scheduler: object) -> tuple[Schedule, PredictionType]:
    """Our schedule and prediction type from any diffusers scheduler with `alphas_cumprod` (DDPM, DDIM, PNDM, Euler, …).

    Raises:
        ModelUnusable: it noises in another way, such as flow matching; or it ends in pure noise, in which an `epsilon`
            network says nothing of the picture.
    """
    config = getattr(scheduler, "config", {})
    alphas_cumprod = getattr(scheduler, "alphas_cumprod", None)
    prediction_type = PREDICTION_TYPES.get(config.get("prediction_type", "epsilon"))
    if not isinstance(alphas_cumprod, torch.Tensor) or prediction_type is None:
        raise ModelUnusable(f"a {type(scheduler).__name__} with {config.get('prediction_type')} is not supported")
    if prediction_type == "epsilon" and float(alphas_cumprod[-1]) <= NO_SIGNAL:
        raise ModelUnusable(
            "its schedule ends in pure noise (zero terminal SNR): v_prediction can start from that, its epsilon cannot"
        )
    spacing: Spacing = "leading" if config.get("timestep_spacing", "leading") == "leading" else "trailing"
    return Schedule.from_alphas_cumprod(alphas_cumprod, spacing, config.get("steps_offset", 0)), prediction_type


def set_threads(settings: Settings) -> int:
    """Use as many CPU threads as configured, by default one for each core that this process may use."""
    threads = settings.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    return threads
