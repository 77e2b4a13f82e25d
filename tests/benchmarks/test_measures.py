from __future__ import annotations

from math import log10

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.masks import make_mask
from benchmarks.measures import hole_psnr_db, hole_ssim, known_max_abs_diff, mean, paired_difference, seam
from benchmarks.measures.frechet import frechet_distance
from benchmarks.measures.intervals import student_975
from benchmarks.measures.judged import Jury
from training.scenes import make_scene

SIDE_PX = 32


def half_mask() -> Image.Image:
    mask = Image.new("L", (SIDE_PX, SIDE_PX), 0)
    mask.paste(255, (SIDE_PX // 2, 0, SIDE_PX, SIDE_PX))
    return mask


def noise(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def painted(truth: Image.Image, change: int) -> Image.Image:
    """The truth with every value in its right half changed."""
    pixels = np.asarray(truth, np.int16).copy()
    pixels[:, SIDE_PX // 2 :] += change
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def grey(value: int = 100) -> Image.Image:
    return Image.new("RGB", (SIDE_PX, SIDE_PX), (value, value, value))


def test_psnr_counts_the_hole_alone() -> None:
    assert hole_psnr_db(painted(grey(), 5), grey(), half_mask()) == pytest.approx(10 * log10(255**2 / 25))
    assert hole_psnr_db(painted(grey(), 5), grey(), half_mask().rotate(180)) == 99.0


def test_a_changed_known_pixel_is_seen_and_a_painted_one_is_not() -> None:
    assert known_max_abs_diff(painted(grey(), 5), grey(), half_mask()) == 0
    assert known_max_abs_diff(painted(grey(), 5), grey(), half_mask().rotate(180)) == 5


def test_ssim_of_equal_pictures_is_one() -> None:
    assert hole_ssim(noise(0), noise(0), half_mask()) == pytest.approx(1.0)


def test_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    """Without structure only `(2 m n + C1) / (m^2 + n^2 + C1)` is left."""
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    everywhere = Image.new("L", (SIDE_PX, SIDE_PX), 255)
    assert hole_ssim(grey(140), grey(100), everywhere) == pytest.approx(expected)


def test_ssim_falls_with_unlike_structure_in_the_hole_only() -> None:
    truth, other = noise(0), noise(1)
    mixed = Image.composite(other, truth, half_mask())
    assert hole_ssim(mixed, truth, half_mask()) < 0.2
    known_but_far = half_mask().rotate(180)
    known_but_far.paste(0, (SIDE_PX // 2 - 6, 0, SIDE_PX, SIDE_PX))
    assert hole_ssim(mixed, truth, known_but_far) == pytest.approx(1.0)


def test_the_truth_has_a_seam_of_one_and_a_step_at_the_border_far_more() -> None:
    truths = [make_scene(seed)[1] for seed in range(4)]
    masks = [make_mask("half_left", 0)] * 4
    lighter = [Image.composite(truth.point(lambda value: min(255, value + 20)), truth, masks[0]) for truth in truths]
    assert seam(truths, truths, masks) == 1.0
    assert (seam(lighter, truths, masks) or 0.0) > 3.0


def test_a_seam_is_the_gradients_jump() -> None:
    """A step of 8 between flat sides: second differences of 8 on both sides; a ramp of 4 a pixel has none."""
    ramp = np.tile(np.arange(SIDE_PX, dtype=np.uint8)[None, :, None] * 4, (SIDE_PX, 1, 3))
    kinked = ramp.copy()
    kinked[:, SIDE_PX // 2 :] = ramp[:, SIDE_PX // 2 : SIDE_PX // 2 + 1]
    step, mask = painted(grey(), 8), half_mask()
    assert seam([step], [Image.fromarray(kinked)], [mask]) == pytest.approx(8 / 2)
    assert seam([step], [Image.fromarray(ramp)], [mask]) is None


def test_frechet_distance_of_a_set_to_itself_is_zero() -> None:
    features = torch.randn(12, 40, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(features, features) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("count", [3, 200])
def test_frechet_distance_of_a_shifted_set_is_the_shift_squared(count: int) -> None:
    features = torch.randn(count, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = torch.tensor([1.0, -2.0, 0.0, 0.5, 0.0])
    assert frechet_distance(features, features + shift) == pytest.approx(float(shift.square().sum()))


def test_frechet_distance_of_a_widened_set_is_known() -> None:
    """For covariances C and 9 C it is `(3 - 1)^2 tr C`."""
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features -= features.mean(0)
    assert frechet_distance(features, 3 * features) == pytest.approx(4 * float(torch.cov(features.T).trace()))


def test_frechet_distance_is_that_of_the_matrix_root() -> None:
    one, other = torch.randn(2, 30, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = other @ torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(torch.cov(one.T))
    root = vectors @ values.sqrt().diag() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ torch.cov(other.T) @ root).sqrt().sum()
    spread = torch.cov(one.T).trace() + torch.cov(other.T).trace() - 2 * shared
    expected = (one.mean(0) - other.mean(0)).square().sum() + spread
    assert frechet_distance(one, other) == pytest.approx(float(expected))


def test_the_jury_knows_scenes_and_tells_sets_apart() -> None:
    drawn = [make_scene(seed) for seed in range(6)]
    scenes, pictures = [scene for scene, _ in drawn], [picture for _, picture in drawn]
    jury = Jury()
    assert jury.accuracy(pictures, scenes) == 1.0
    assert jury.accuracy(pictures[1:] + pictures[:1], scenes) < 1.0
    assert jury.distance(pictures, pictures) == pytest.approx(0.0, abs=1e-6)
    assert (jury.distance([picture.reduce(8).resize((128, 128)) for picture in pictures], pictures) or 0.0) > 1.0
    assert jury.distance(pictures[:1], pictures[:1]) is None


def test_intervals_are_students() -> None:
    found = mean([1.0, 2.0, 3.0])
    assert found.value == 2.0
    assert found.ci95 == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert mean([1.0]).ci95 is None


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.7062), (4, 2.7764), (5, 2.5706), (8, 2.3060), (53, 2.0057)])
def test_quantiles_are_the_tables(freedom: int, quantile: float) -> None:
    assert student_975(freedom) == pytest.approx(quantile, abs=0.005)


def test_paired_differences_cancel_what_scenes_share() -> None:
    hard_and_easy = [10.0, 20.0, 30.0]
    found = paired_difference([value + 1 for value in hard_and_easy], hard_and_easy)
    assert (found.value, found.ci95) == (1.0, 0.0)
    with pytest.raises(ValueError):
        paired_difference([1.0], [1.0, 2.0])
