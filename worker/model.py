"""Load the model once: where it comes from, on which device, in which precision."""

from __future__ import annotations

import os
from pathlib import Path

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
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(settings: Settings) -> DiffusersModel:
    """Load a Stable Diffusion 1.x or 2.x checkpoint in the diffusers layout, from a folder or the hub.

    Only safetensors are read: a checkpoint of pickles could run code.

    Raises:
        ModelUnusable: nothing is there, or it is not a text-to-image Stable Diffusion that we can sample from.
    """
    source = find(settings.model)
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    revision = None if isinstance(source, Path) else settings.model_revision
    if dtype is torch.float32 and device.type == "cuda":
        # TensorFloat-32 keeps ten bits of the mantissa: who asks for float32 gets float32.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    try:
        parts = _read(str(source), revision, dtype)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnusable(f"{settings.model} cannot be loaded as a Stable Diffusion: {error}") from error
    name = source.name if isinstance(source, Path) else source
    return DiffusersModel(name, parts, device=device, dtype=dtype, compiled=settings.compile)


def _read(source: str, revision: str | None, dtype: torch.dtype) -> ModelParts:
    disable_progress_bar()
    safe = {"revision": revision, "use_safetensors": True, "dtype": dtype}
    unet = UNet2DConditionModel.from_pretrained(source, subfolder="unet", **safe)
    vae = AutoencoderKL.from_pretrained(source, subfolder="vae", **safe)
    text_encoder = CLIPTextModel.from_pretrained(source, subfolder="text_encoder", **safe)
    tokenizer = CLIPTokenizer.from_pretrained(source, subfolder="tokenizer", revision=revision)
    if unet.config.in_channels != vae.config.latent_channels or unet.config.addition_embed_type is not None:
        raise ModelUnusable("its UNet takes more than latents, a timestep and one text")
    if unet.config.cross_attention_dim != text_encoder.config.hidden_size:
        raise ModelUnusable("its UNet does not fit its text encoder")
    config = DDIMScheduler.load_config(source, subfolder="scheduler", revision=revision)
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
        ModelUnusable: it noises in another way, such as flow matching.
    """
    config = getattr(scheduler, "config", {})
    alphas_cumprod = getattr(scheduler, "alphas_cumprod", None)
    prediction_type = PREDICTION_TYPES.get(config.get("prediction_type", "epsilon"))
    if not isinstance(alphas_cumprod, torch.Tensor) or prediction_type is None:
        raise ModelUnusable(f"a {type(scheduler).__name__} with {config.get('prediction_type')} is not supported")
    spacing: Spacing = "leading" if config.get("timestep_spacing", "leading") == "leading" else "trailing"
    return Schedule.from_alphas_cumprod(alphas_cumprod, spacing, config.get("steps_offset", 0)), prediction_type


def set_threads(settings: Settings) -> int:
    """Use as many CPU threads as configured, by default one for each core that this process may use."""
    threads = settings.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    return threads
