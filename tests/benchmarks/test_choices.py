"""Choices for the network: what is measured of each, with a random model; compiling is left out, it takes a minute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import engine
from benchmarks.throughput.choices import alternatives, difference
from jobs.settings import Settings
from worker.model import load


@pytest.fixture(autouse=True)
def threads() -> None:
    """As few as other tests want."""
    torch.set_num_threads(1)


def test_every_choice_is_measured_beside_the_reference(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    options = ["--choices", "dtype", "layout", "threads", "--steps", "2", "--batches", "1", "2", "--threads", "1"]
    assert engine.main([*options, "--model", str(tiny_folder), "--json", str(path)]) == 0
    rows = {row["choice"]: row for row in json.loads(path.read_text())["rows"]}
    assert list(rows) == ["reference", "bfloat16", "contiguous", "threads 2"]
    reference = rows.pop("reference")
    assert (reference["dtype"], reference["threads"], reference["batch"]) == ("float32", 1, 2)
    for row in rows.values():
        assert row["evaluations_per_s"] > 0
        assert row["reference_evaluations_per_s"] > 0
    assert rows["bfloat16"]["dtype"] == "bfloat16"
    assert rows["threads 2"]["threads"] == 2
    assert rows["contiguous"]["max_abs_diff"] <= 1 < rows["bfloat16"]["max_abs_diff"]
    assert rows["contiguous"]["psnr_db"] > rows["bfloat16"]["psnr_db"]
    assert torch.get_num_threads() == 1


def test_everything_may_be_chosen_otherwise_and_nothing_is_chosen_twice(tiny_folder: Path) -> None:
    settings = Settings(model=str(tiny_folder), device="cpu", dtype="bfloat16")
    model, compiled = load(settings), settings.model_copy(update={"compile": True})
    names = [one.name for one in alternatives(model, compiled, 4, ("compile", "dtype", "layout", "threads"))]
    assert names == ["float32", "contiguous", "threads 1", "threads 2", "threads 8", "eager"]


def test_difference_is_told_in_levels_and_decibels() -> None:
    grey = torch.zeros(3, 4, 4)
    assert difference([grey], [grey]) == (0, 99.0)
    lighter = grey + 10 / 127.5
    worst, psnr_db = difference([grey, lighter], [grey, grey])
    assert worst == 10
    assert psnr_db == pytest.approx(31.14, abs=0.05)  # 10 log10(255² / 50)
