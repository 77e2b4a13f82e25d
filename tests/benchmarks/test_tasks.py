from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.identity import cases_digest
from benchmarks.masks import CELL_PX, MASKS, make_mask
from benchmarks.pictures import folder_pictures, symmetric_scenes
from benchmarks.tasks import TASKS, UNKNOWN_GREY, make_cases
from training.kinds import SYMMETRIC_KINDS

SIDE_PX = 128
FULL_SIZE = ("colorize", "deblur")


def hole(name: str, seed: int = 0, size_px: int = SIDE_PX) -> np.ndarray:
    values = np.asarray(make_mask(name, seed, size_px))
    assert set(np.unique(values)) == {0, 255}
    return values > 0


@pytest.mark.parametrize("size_px", [128, 512])
def test_halves_and_quarters_say_what_is_known(size_px: int) -> None:
    half = size_px // 2
    assert not hole("half_left", 0, size_px)[:, :half].any()
    assert hole("half_left", 0, size_px)[:, half:].all()
    assert (hole("half_right") == ~hole("half_left")).all()
    assert (hole("half_top") == hole("half_left").T).all()
    assert (hole("half_bottom") == ~hole("half_top")).all()
    assert hole("quarter_left").mean() == 0.75
    assert not hole("quarter_left")[:, :32].any()


def test_the_box_is_in_the_middle() -> None:
    expected = np.zeros((SIDE_PX, SIDE_PX), bool)
    expected[32:96, 32:96] = True
    assert (hole("box") == expected).all()


def test_cells_are_whole_and_about_half_are_unknown() -> None:
    shares = []
    for seed in range(8):
        cells = hole("cells", seed).reshape(16, CELL_PX, 16, CELL_PX)
        assert (cells == cells[:, :1, :, :1]).all()
        shares.append(cells.mean())
    assert 0.45 < np.mean(shares) < 0.55


@pytest.mark.parametrize("name", ["strokes", "cells"])
def test_random_masks_are_their_seeds(name: str) -> None:
    assert (hole(name, 3) == hole(name, 3)).all()
    assert (hole(name, 3) != hole(name, 4)).any()


def test_a_mask_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no mask"):
        make_mask("third", 0)


def test_scenes_are_held_out_symmetric_and_in_turn() -> None:
    scenes = [sample.scene for sample in symmetric_scenes(5, 10)]
    assert [scene.seed for scene in scenes if scene] == list(range(5, 15))
    assert [scene.kind for scene in scenes if scene][:9] == sorted(SYMMETRIC_KINDS)


def test_the_hole_is_not_shown() -> None:
    (case,) = make_cases(TASKS["box"], symmetric_scenes(0, 1), 0)
    shown = np.asarray(case.shown())
    assert (shown[hole("box")] == UNKNOWN_GREY).all()
    assert (shown[~hole("box")] == np.asarray(case.upload.picture)[~hole("box")]).all()


def test_what_is_enlarged_is_painted_everywhere_and_shown_small() -> None:
    (case,) = make_cases(TASKS["x4"], symmetric_scenes(0, 1), 0)
    assert np.asarray(case.upload.mask).min() == 255
    blocks = np.asarray(case.shown()).reshape(32, 4, 32, 4, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


@pytest.mark.parametrize("name", FULL_SIZE)
def test_what_is_measured_everywhere_is_shown_as_it_was_measured(name: str) -> None:
    (case,) = make_cases(TASKS[name], symmetric_scenes(0, 1), 0)
    truth, shown = case.upload.picture, np.asarray(case.shown(), float)
    expected = truth.convert("L") if name == "colorize" else truth.filter(ImageFilter.GaussianBlur(2))
    assert np.asarray(case.upload.mask).min() == 255
    inside = np.abs(shown - np.asarray(expected.convert("RGB"), float))[8:-8, 8:-8]  # Pillow repeats edge pixels
    assert inside.mean() < 1.0
    assert np.abs(shown - np.asarray(truth, float)).mean() > 2.0


def test_pictures_of_a_task_keep_their_digest() -> None:
    """Of rows that are there: measured before there were tasks of full size."""
    (hole,), (small,) = (make_cases(TASKS[name], symmetric_scenes(0, 1), 0) for name in ("box", "x4"))
    assert (cases_digest([hole]), cases_digest([small])) == ("757ae6ebb5281dd2", "b9cc8c247f48a6d7")


def test_every_mask_is_a_task() -> None:
    assert set(TASKS) == {
        *MASKS,
        *(f"x{factor}{kernel}" for factor in (2, 4, 8) for kernel in ("", "-area")),
        *FULL_SIZE,
    }
    assert [name for name, task in TASKS.items() if task.operator is None] == list(MASKS)


def test_a_folder_is_read_by_name_and_cropped_to_its_centre(tmp_path: Path) -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (100, 0, 200, 100))
    for name in ("b.png", "a.jpg", "c.png"):
        wide.save(tmp_path / name, quality=100)
    (tmp_path / "notes.txt").write_text("no picture")
    samples = folder_pictures(tmp_path, 2, 64)
    assert [sample.name for sample in samples] == ["a", "b"]
    assert all(sample.truth.size == (64, 64) and sample.prompt == "" for sample in samples)
    assert np.asarray(samples[1].truth)[32, [8, 32, 56]].tolist() == [[0, 0, 255]] * 3


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures"):
        folder_pictures(tmp_path, 2, 64)
