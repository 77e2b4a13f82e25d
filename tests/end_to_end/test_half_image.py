"""The main job, over HTTP, on real processes and the embedded model: judged by the truth."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest
import torch
from PIL import Image, ImageDraw

from benchmarks.masks import make_mask
from benchmarks.measures import hole_psnr_db
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pictures import half_masked, opened, png, same_pixels, scene
from training.drawing import COLORS
from training.judge import load_judge
from training.kinds import SYMMETRIC_KINDS
from training.train_vae import to_float

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
WAIT_S = 240.0


def test_half_pictures_are_completed_close_to_the_truth(service: Deployment) -> None:
    mask = make_mask("half_left", 0)
    scenes = [scene(number, kind) for number, kind in enumerate(sorted(SYMMETRIC_KINDS))]
    jobs = [
        service.client.complete(png(half_masked(picture)), keep="left", prompt=caption, seed=number)
        for number, (caption, picture) in enumerate(scenes)
    ]
    psnrs = []
    for submitted, (_, picture) in zip(jobs, scenes, strict=True):
        job = service.client.wait(submitted.id, timeout_s=WAIT_S)
        assert job.state == "succeeded"
        assert job.timings.nfe == 40
        assert job.quality.known_region_max_abs_diff == 0
        result = opened(service.client.result(job.id))
        assert result.format == "PNG"
        assert result.size == picture.size
        assert same_pixels(result, picture, (0, 0, 64, 128)), "the known half is what was sent, byte for byte"
        psnrs.append(hole_psnr_db(result, picture, mask))
    assert fmean(psnrs) >= 29.0, psnrs
    assert min(psnrs) >= 24.0, psnrs


@pytest.mark.parametrize("size", [(64, 64), (100, 75), (301, 203), (1024, 768)])
def test_any_size_comes_back_at_its_size_with_its_known_pixels(service: Deployment, size: tuple[int, int]) -> None:
    caption, picture = scene(1, "vase")
    sent = picture.resize(size, Image.Resampling.LANCZOS)
    job = service.client.complete(png(sent), keep="top", fraction=0.4, prompt=caption, steps=4, inner_steps=1)
    job = service.client.wait(job.id, timeout_s=WAIT_S)
    result = opened(service.client.result(job.id))
    assert result.size == size
    assert same_pixels(result, sent, (0, 0, size[0], round(size[1] * 0.4)))
    assert job.quality.known_region_max_abs_diff == 0


def test_a_hole_is_painted_and_the_rest_kept(service: Deployment) -> None:
    caption, picture = scene(2, "ring")
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rectangle((70, 40, 110, 90), fill=255)
    wiped = picture.copy()
    wiped.paste((0, 255, 0), (0, 0), mask)
    job = service.client.inpaint(png(wiped), png(mask), prompt=caption, seed=3)
    service.client.wait(job.id, timeout_s=WAIT_S)
    result = opened(service.client.result(job.id))
    assert hole_psnr_db(result, picture, mask) >= 20.0
    kept = Image.composite(Image.new("RGB", picture.size), picture, mask)
    assert Image.composite(Image.new("RGB", picture.size), result, mask).tobytes() == kept.tobytes()


def test_generated_pictures_show_what_was_asked(service: Deployment) -> None:
    asked = [("butterfly", "red"), ("house", "yellow"), ("vase", "blue"), ("tree", "green"), ("flag", "purple")]
    assert {color for _, color in asked} <= set(COLORS)
    jobs = [
        service.client.generate(prompt=f"a {color} {kind} on a white background", seed=1, guidance_scale=3.0)
        for kind, color in asked
    ]
    pictures = []
    for submitted in jobs:
        job = service.client.wait(submitted.id, timeout_s=WAIT_S)
        assert job.timings.nfe == 40
        pictures.append(opened(service.client.result(job.id)).convert("RGB"))
    tensors = torch.stack(
        [to_float(torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(128, 128, 3)) for p in pictures]
    )
    verdicts = load_judge(ROOT / "models" / "judge").verdicts(tensors)
    right = sum(verdict == wanted for verdict, wanted in zip(verdicts, asked, strict=True))
    assert right >= 4, verdicts
