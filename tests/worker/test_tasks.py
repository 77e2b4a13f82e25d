"""Every task in a resident worker, on a tiny random model: what must hold whatever the network draws."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from jobs.errors import FailureCode
from jobs.record import JobRecord, JobState
from jobs.spec import TASKS, DeblurSpec
from sampler.constraints.blur import Blur
from sampler.constraints.colorize import Colorize
from sampler.constraints.projection import residual_of
from sampler.constraints.super_resolution import SuperResolution
from tests.worker.conftest import Bench, StartWorker, noise_png, png
from worker.canvas import to_image
from worker.geometry import Box, lay
from worker.style_features import JudgeFeatures
from worker.tasks.measured import deblurred, kernel_of, spread, with_luminance

HALF_A_LEVEL = 1 / 255
"""Root mean square, in pictures of [-1, 1]."""


def smooth(width: int, height: int) -> Image.Image:
    """A picture that becomes no larger than 8 bits can hold when it is enlarged or sharpened."""
    y, x = np.mgrid[:height, :width]
    planes = [100 + 50 * np.sin(x / 9 + phase) + 40 * np.cos(y / 7 - phase) for phase in (0.0, 1.0, 2.0)]
    return Image.fromarray(np.stack(planes, -1).round().astype(np.uint8))


def residual(record: JobRecord) -> float:
    assert record.state is JobState.SUCCEEDED, record
    assert record.quality is not None
    assert record.quality.residual is not None
    return record.quality.residual


def test_outpaint_puts_the_upload_into_the_larger_picture_to_the_byte(bench: Bench, start_worker: StartWorker) -> None:
    sizes = [(64, 64), (100, 75), (300, 200)]
    margins: dict[str, Any] = {"left_px": 40, "top_px": 9, "bottom_px": 3}
    with start_worker():
        ids = [bench.submit(noise_png(*size), task="outpaint", **margins) for size in sizes]
        records = [bench.wait(job_id) for job_id in ids]
    for size, record in zip(sizes, records, strict=True):
        picture = bench.result(record)
        assert picture.size == (size[0] + 40, size[1] + 12)
        corners = (40, 9, 40 + size[0], 9 + size[1])
        assert picture.crop(corners).tobytes() == picture_of(noise_png(*size)).tobytes()
        assert record.quality is not None
        assert record.quality.known_region_max_abs_diff == 0
        assert picture.crop((0, 0, 40, size[1])).getextrema() != ((0, 0),) * 3, "the margin is painted"


def test_upscaled_and_made_smaller_again_it_is_the_upload(bench: Bench, start_worker: StartWorker) -> None:
    asked = [((64, 64), 2), ((40, 33), 2), ((100, 90), 2), ((64, 60), 4), ((16, 8), 8)]
    with start_worker():
        ids = [bench.submit(png(smooth(*size)), task="upscale", factor=factor) for size, factor in asked]
        records = [bench.wait(job_id) for job_id in ids]
    for (size, factor), record in zip(asked, records, strict=True):
        picture = bench.result(record)
        assert picture.size == (size[0] * factor, size[1] * factor)
        measured = residual_of(to_image(picture), SuperResolution(factor), to_image(smooth(*size)))
        assert measured <= HALF_A_LEVEL
        assert residual(record) == pytest.approx(measured)


def test_colorize_keeps_the_luminance(bench: Bench, start_worker: StartWorker) -> None:
    sizes = [(64, 64), (300, 200)]
    with start_worker():
        ids = [bench.submit(png(smooth(*size)), task="colorize") for size in sizes]
        records = [bench.wait(job_id) for job_id in ids]
    for size, record in zip(sizes, records, strict=True):
        picture, sent = bench.result(record), smooth(*size)
        luminance = [np.asarray(one.convert("L"), float) for one in (picture, sent)]
        assert np.abs(luminance[0] - luminance[1]).mean() <= 1
        assert residual(record) <= HALF_A_LEVEL
        grey = sent.convert("L").convert("RGB")
        assert np.abs(np.asarray(picture, int) - np.asarray(grey, int)).mean() > 1, "it has colours"


def test_deblurred_picture_blurs_into_the_upload(bench: Bench, start_worker: StartWorker) -> None:
    blurs: list[dict[str, Any]] = [
        {"sigma_px": 2.0},
        {"kernel": "motion", "length_px": 8.0, "angle_deg": 60.0},
        {"sigma_px": 2.0, "output": {"format": "jpeg", "quality": 50}},
    ]
    with start_worker():
        ids = [bench.submit(png(smooth(150, 100)), task="deblur", **blur) for blur in blurs]
        gaussian, motion, lossy = (bench.wait(job_id) for job_id in ids)
    for record in (gaussian, motion):
        assert bench.result(record).size == (150, 100)
        assert residual(record) < 0.1
    assert residual(lossy) != residual(gaussian), "it is measured in the written file"


def test_style_needs_features_and_tells_how_far_it_is(bench: Bench, start_worker: StartWorker) -> None:
    torch.manual_seed(3)
    features = JudgeFeatures().eval().requires_grad_(False)
    with start_worker(features=features) as worker:
        assert worker.presence().tasks == list(TASKS)
        record = bench.wait(bench.submit(reference=noise_png(90, 70), task="style", width_px=100, height_px=64))
    assert bench.result(record).size == (100, 64)
    assert residual(record) > 0
    with start_worker() as worker:
        assert worker.presence().tasks == [task for task in TASKS if task != "style"]
        refused = bench.wait(bench.submit(reference=noise_png(64, 64), task="style"))
    assert refused.error is not None
    assert refused.error.code is FailureCode.TASK_UNAVAILABLE


def test_a_picture_beyond_the_model_fails_with_a_reason(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker():
        record = bench.wait(bench.submit(noise_png(200, 64), task="upscale"))
    assert record.error is not None
    assert record.error.code is FailureCode.BEYOND_MODEL
    assert "128" in record.error.detail


def picture_of(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_small_picture_is_spread_so_that_its_pixels_lie_under_those_of_the_canvas() -> None:
    small = to_image(smooth(20, 9))
    placement = lay(Box(0, 0, 80, 36), 80, 36, 8)
    wide = spread(small, placement, 4)
    assert wide.shape == (3, placement.canvas_height_px // 4, placement.canvas_width_px // 4)
    left, top = placement.scaled.left // 4, placement.scaled.top // 4
    assert torch.equal(wide[:, top : top + 9, left : left + 20], small)
    assert torch.equal(wide[:, 0, 0], small[:, 0, 0])


def test_luminance_is_kept_in_every_band() -> None:
    image, wanted = to_image(smooth(64, 50)), to_image(smooth(64, 50)).mean(0, keepdim=True)
    banded = with_luminance(image, wanted, band_px=64 * 7)
    for rows in range(0, 50, 7):
        band = banded[:, rows : rows + 7]
        assert residual_of(band, Colorize(), wanted[:, rows : rows + 7]) <= HALF_A_LEVEL
    assert float((banded - with_luminance(image, wanted)).abs().max()) <= 4.5 / 255


def test_kernels_are_scaled_with_the_picture() -> None:
    assert kernel_of(DeblurSpec(sigma_px=2.0)).shape == (17, 17)
    assert kernel_of(DeblurSpec(sigma_px=2.0), 0.5).shape == (9, 9)
    assert kernel_of(DeblurSpec(kernel="motion", length_px=9.0), 2.0).shape == (1, 19)


def test_last_step_of_deblurring_brings_back_what_the_blurred_picture_holds() -> None:
    truth = to_image(smooth(96, 64))
    operator = Blur(kernel_of(DeblurSpec(sigma_px=2.0)), 0.1)
    blurred = operator.forward(truth)
    assert error(deblurred(blurred, operator, blurred), truth) < 0.6 * error(blurred, truth)


def error(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())
