"""Checkpoints tuned for inpainting: loaded for comparison, refused by the service."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from jobs.settings import Settings
from sampler.evaluation import Denoise, Encode
from tests.worker.test_model import requests
from tests.worker.tiny_model import make_tiny_model
from worker.diffusers_model import DiffusersModel
from worker.errors import ModelUnusable
from worker.model import load, load_inpainting


@pytest.fixture(scope="module")
def tuned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete checkpoint for inpainting."""
    return make_tiny_model(tmp_path_factory.mktemp("tuned"), in_channels=9)


def inpainting_request(model: DiffusersModel) -> Denoise:
    [request] = requests(model, 1)
    return replace(request, extra=torch.randn(5, 16, 16, generator=torch.Generator().manual_seed(4)))


def test_inpainting_model_is_refused_by_the_service(tuned_folder: Path) -> None:
    with pytest.raises(ModelUnusable, match="more than latents"):
        load(Settings(model=str(tuned_folder), device="cpu"))


def test_inpainting_model_is_given_its_nine_channels(tuned_folder: Path) -> None:
    model = load_inpainting(Settings(model=str(tuned_folder), device="cpu"))
    assert (model.name, model.channels, model.extra_channels) == ("tiny-128", 4, 5)
    request = inpainting_request(model)
    [denoised] = model.denoise([request])
    unet: Any = diffusers.UNet2DConditionModel.from_pretrained(tuned_folder, subfolder="unet")
    assert request.extra is not None
    channels = torch.cat([request.x_t, request.extra])[None]
    with torch.inference_mode():
        v = unet(channels, request.timestep, request.conditioning.prompt[None]).sample[0]
    alpha_t, sigma_t = model.schedule.alpha_sigma(request.timestep)
    torch.testing.assert_close(denoised.x0_hat, alpha_t * request.x_t - sigma_t * v, atol=1e-4, rtol=1e-4)


def test_inpainting_unet_alone_is_joined_with_the_other_parts_of_its_base(
    tiny_model: DiffusersModel, tiny_folder: Path, tuned_folder: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "tuned-alone"
    shutil.copytree(tuned_folder / "unet", alone / "unet")
    joined = load_inpainting(Settings(model=str(tiny_folder), device="cpu"), str(alone))
    assert (joined.name, joined.extra_channels) == ("tuned-alone", 5)
    assert joined.schedule == tiny_model.schedule
    image = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(5)) * 2 - 1
    assert torch.equal(joined.encode([Encode(image)])[0], tiny_model.encode([Encode(image)])[0])
    whole = load_inpainting(Settings(model=str(tuned_folder), device="cpu"))
    request = inpainting_request(whole)
    assert torch.equal(joined.denoise([request])[0].x0_hat, whole.denoise([request])[0].x0_hat)


def test_text_to_image_model_is_no_inpainting_model(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="mask and masked latents"):
        load_inpainting(Settings(model=str(tiny_folder), device="cpu"))
    (tmp_path / "no-unet").mkdir()
    with pytest.raises(ModelUnusable, match="no-unet"):
        load_inpainting(Settings(model=str(tiny_folder), device="cpu"), str(tmp_path / "no-unet"))


def test_channels_that_a_model_was_not_trained_with_are_refused(tiny_model: DiffusersModel, tuned_folder: Path) -> None:
    request = inpainting_request(tiny_model)
    with pytest.raises(ValueError, match="tiny-128 takes 0 channels besides its latents, not 5"):
        tiny_model.denoise([request])
    tuned = load_inpainting(Settings(model=str(tuned_folder), device="cpu"))
    with pytest.raises(ValueError, match="takes 5 channels besides its latents, not 0"):
        tuned.denoise([replace(request, extra=None)])
