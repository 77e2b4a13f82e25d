"""The other tasks over HTTP, on real processes and the embedded model: each judged by what it promises."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.models import Job
from sampler.constraints.blur import Blur, gaussian_kernel, motion_kernel
from sampler.constraints.projection import residual_of
from sampler.constraints.style import cost_of, grams
from sampler.constraints.super_resolution import SuperResolution
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pictures import opened, png, psnr_db, same_pixels, scene
from worker.canvas import to_image, to_picture
from worker.style_features import load_judge_features

pytestmark = pytest.mark.end_to_end

JUDGE = Path(__file__).parents[2] / "models" / "judge"
WAIT_S = 240.0
STEPS = 6


def ended(service: Deployment, job: Job) -> tuple[Job, Image.Image]:
    done = service.client.wait(job.id, timeout_s=WAIT_S)
    assert done.state == "succeeded"
    return done, opened(service.client.result(done.id)).convert("RGB")


def test_the_model_does_every_task(service: Deployment) -> None:
    (model,) = service.client.models()["models"]
    assert model["tasks"] == service.client.limits()["tasks"]


def test_outpaint_keeps_the_upload_and_paints_around_it(service: Deployment) -> None:
    caption, picture = scene(2, "ring")
    sent = picture.crop((0, 0, 96, 128))
    submitted = service.client.outpaint(png(sent), right_px=32, prompt=caption, steps=STEPS, seed=3)
    job, result = ended(service, submitted)
    assert result.size == (128, 128)
    assert same_pixels(result, picture, (0, 0, 96, 128))
    assert job.quality.known_region_max_abs_diff == 0
    margin = (96, 0, 128, 128)
    edge = sent.crop((95, 0, 96, 128)).resize((32, 128))
    assert psnr_db(result.crop(margin), picture.crop(margin)) > psnr_db(edge, picture.crop(margin)) + 3


@pytest.mark.parametrize(("factor", "gain_db"), [(2, 3.0), (4, 4.0), (8, 5.0)])
def test_upscale_agrees_with_the_upload_and_beats_bicubic(service: Deployment, factor: int, gain_db: float) -> None:
    caption, picture = scene(0, "vase")
    small = picture.resize((128 // factor, 128 // factor), Image.Resampling.BICUBIC)
    job, result = ended(service, service.client.upscale(png(small), factor=factor, prompt=caption, steps=STEPS, seed=3))  # type: ignore[arg-type]  # parametrised
    assert result.size == picture.size
    assert residual_of(to_image(result), SuperResolution(factor), to_image(small)) / 2 <= 1 / 255
    assert job.quality.residual is not None
    assert job.quality.residual <= 1 / 255
    bicubic = small.resize(picture.size, Image.Resampling.BICUBIC)
    assert psnr_db(result, picture) > psnr_db(bicubic, picture) + gain_db


def test_colorize_keeps_the_luminance_and_finds_colours(service: Deployment) -> None:
    caption, picture = scene(1, "butterfly")
    grey = picture.convert("L")
    _, result = ended(service, service.client.colorize(png(grey), prompt=caption, steps=STEPS, seed=3))
    kept, wanted = np.asarray(result.convert("L"), float), np.asarray(grey, float)
    assert np.abs(kept - wanted).mean() <= 1.5
    assert psnr_db(result, picture) > psnr_db(grey.convert("RGB"), picture) + 3


@pytest.mark.parametrize("kernel", ["gaussian", "motion"])
def test_deblur_comes_closer_to_the_truth_than_the_upload(service: Deployment, kernel: str) -> None:
    caption, picture = scene(0, "vase")
    if kernel == "gaussian":
        blurred = to_picture(Blur(gaussian_kernel(2.0)).forward(to_image(picture)))
        job = service.client.deblur(png(blurred), sigma_px=2.0, prompt=caption, steps=STEPS, seed=3)
    else:
        blurred = to_picture(Blur(motion_kernel(11.0, 30.0)).forward(to_image(picture)))
        job = service.client.deblur(
            png(blurred), kernel="motion", length_px=11.0, angle_deg=30.0, prompt=caption, steps=STEPS, seed=3
        )
    done, result = ended(service, job)
    assert psnr_db(result, picture) > psnr_db(blurred, picture) + 4
    assert done.quality.residual is not None
    assert done.quality.residual <= 2 / 255


def test_style_draws_closer_to_the_reference_than_the_prompt_alone(service: Deployment) -> None:
    _, reference = scene(9, "tree")
    prompt = "a red house on a white background"
    plain = service.client.generate(prompt=prompt, steps=STEPS, seed=3)
    styled = service.client.style(png(reference), prompt=prompt, steps=STEPS, seed=3)
    features = load_judge_features(JUDGE, torch.device("cpu"))
    wanted = grams(features, to_image(reference))

    def distance(picture: Image.Image) -> float:
        with torch.no_grad():
            return sqrt(float(cost_of(features(to_image(picture)), wanted)))

    (_, unstyled), (job, result) = ended(service, plain), ended(service, styled)
    assert distance(result) < distance(unstyled) / 2
    assert job.quality.residual == pytest.approx(distance(result), abs=0.02)
