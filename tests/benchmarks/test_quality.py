"""The quality benchmark from its command line to its JSON, with a random model: its figures are bad, but there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import quality
from benchmarks.methods import as_asked
from benchmarks.pictures import symmetric_scenes
from benchmarks.restoring import restore
from benchmarks.running import run as run_processes
from benchmarks.tasks import TASKS, make_cases
from jobs.settings import Settings
from training.scenes import make_scene
from worker.diffusers_model import DiffusersModel
from worker.model import load

SMALL = ("--count", "2", "--batch", "2", "--threads", "1")
WANTED = {
    *("task", "mask", "method", "steps", "inner_steps", "eta", "nfe", "backward_passes", "scenes", "seed", "batch"),
    *(
        "dtype",
        "hole_psnr_db",
        "ci95_db",
        "vae_bound_db",
        "ssim",
        "frechet",
        "residual",
        "seam",
        "vae_seam",
        "seconds",
        "peak_mb",
    ),
    *("known_max_abs_diff", "kind_and_color_accuracy"),
}


@pytest.fixture(scope="module")
def tiny_model(tiny_folder: Path) -> DiffusersModel:
    return load(Settings(model=str(tiny_folder), device="cpu"))


def run(tiny_folder: Path, json_path: Path, *options: str) -> dict[str, Any]:
    """The report of a run that succeeds."""
    assert quality.main([*SMALL, "--model", str(tiny_folder), "--json", str(json_path), *options]) == 0
    report: dict[str, Any] = json.loads(json_path.read_text())
    return report


def test_a_run_reports_every_measure_with_its_origin(tiny_folder: Path, tmp_path: Path) -> None:
    options = ("--masks", "half_left", "cells", "--steps", "2", "--inner-steps", "1", "--seed", "3")
    report = run(tiny_folder, tmp_path / "quality.json", *options)
    assert {"commit", "hardware", "threads", "torch", "python"} <= set(report["provenance"])
    completed, inpainted = report["rows"]
    for row in (completed, inpainted):
        assert row.keys() >= WANTED
        assert {name for name in WANTED if row[name] is None} == set()
        assert (row["method"], row["steps"], row["inner_steps"], row["nfe"]) == ("newton", 2, 1, 6)
        assert (row["scenes"], row["seed"], row["batch"], row["backward_passes"]) == (2, 3, 2, 0)
        assert row["known_max_abs_diff"] == 0
        assert row["seconds"] > 0
        assert len(row["scene_psnr_db"]) == 2
    assert (completed["task"], inpainted["task"]) == ("complete", "inpaint")


def test_the_same_seed_gives_the_same_figures_in_any_batch(tiny_folder: Path, tmp_path: Path) -> None:
    options = ("--masks", "box", "--steps", "2", "--inner-steps", "1")
    (together,) = run(tiny_folder, tmp_path / "2.json", *options)["rows"]
    (alone,) = run(tiny_folder, tmp_path / "1.json", *options, "--batch", "1")["rows"]
    assert alone["scene_psnr_db"] == pytest.approx(together["scene_psnr_db"], abs=0.02)


def test_captions_are_judged_and_shown(tiny_folder: Path, tmp_path: Path) -> None:
    grid = tmp_path / "samples.png"
    options = ("--masks", "--captions", "2", "--steps", "2", "--pictures", str(grid))
    (row,) = run(tiny_folder, tmp_path / "captions.json", *options)["rows"]
    assert (row["task"], row["nfe"], row["hole_psnr_db"]) == ("generate", 4, None)
    assert 0 <= row["kind_and_color_accuracy"] <= 1
    with Image.open(grid) as shown:
        assert shown.size == (2 * 130, 130)


def test_budgets_bound_the_evaluations_of_ours_and_of_peers(tiny_folder: Path, tmp_path: Path) -> None:
    options = ("--masks", "half_left", "--methods", "newton", "repaint", "--budgets", "5", "9")
    rows = run(tiny_folder, tmp_path / "budgets.json", *options)["rows"]
    assert [(row["method"], row["budget_nfe"]) for row in rows] == [
        *(("newton", 5), ("newton", 9), ("repaint", 5), ("repaint", 9)),
    ]
    assert all(row["budget_nfe"] - 3 < row["nfe"] <= row["budget_nfe"] for row in rows)


def test_a_method_that_cannot_run_is_noted_and_the_others_run(tiny_folder: Path, tmp_path: Path) -> None:
    options = ("--masks", "half_left", "--methods", "ding", "blended", "--budgets", "0", "1")
    report = run(tiny_folder, tmp_path / "notes.json", *options)
    assert [row["nfe"] for row in report["rows"]] == [1, 1]
    assert [note for note in report["notes"] if "needs more than 0 evaluations" in note] == report["notes"]
    assert len(report["notes"]) == 2


def test_enlarged_pictures_measure_what_was_given(tiny_model: DiffusersModel) -> None:
    (case,) = make_cases(TASKS["x4"], symmetric_scenes(3, 1), 0)
    method = as_asked("newton", 1, 1, None, torch.float32)
    (restored,) = run_processes(tiny_model, [lambda: restore(tiny_model, case, method)], 1).results
    given, found = (
        np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC), float)
        for picture in (case.upload.picture, restored.picture)
    )
    assert np.sqrt(np.square(given - found).mean()) < 1.0


def test_backward_passes_are_told_and_a_method_without_its_checkpoint_is_noted(
    tiny_folder: Path, tmp_path: Path
) -> None:
    options = ("--masks", "box", "--methods", "dps", "rival", "--budgets", "2", "--rival", str(tmp_path / "absent"))
    report = run(tiny_folder, tmp_path / "backward.json", *options)
    (row,) = report["rows"]
    assert (row["method"], row["nfe"], row["backward_passes"]) == ("dps", 2, 2)
    (note,) = report["notes"]
    assert "skipped rival at 2 NFE: no checkpoint tuned for inpainting" in note


def test_a_folder_of_pictures_is_restored_without_the_judge(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for seed in range(3):
        make_scene(seed)[1].resize((160, 140)).save(folder / f"{seed}.png")
    options = ("--images", str(folder), "--size", "128", "--steps", "1", "--inner-steps", "0", "--masks", "box")
    report = run(tiny_folder, tmp_path / "folder.json", *options)
    (row,) = report["rows"]
    assert row["scenes"] == 2
    assert row["hole_psnr_db"] < row["whole_psnr_db"]  # three quarters are known
    assert (row["frechet"], row["kind_and_color_accuracy"]) == (None, None)
    for name in ("lpips", "fid"):
        assert row[name] is not None or any(name.upper() in note for note in report["notes"])
