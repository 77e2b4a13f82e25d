"""Memory of a method: a process each, from the command line to the JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import footprint, memory
from benchmarks.footprint import Footprint
from benchmarks.memory import PeakMemory


@pytest.mark.slow
def test_backpropagation_is_dearer_than_text_to_image_and_ours_is_not(tmp_path: Path) -> None:
    """On the embedded model, in processes that do not see each other's heaps."""
    path = tmp_path / "rows.json"
    wanted = ["--masks", "half_left", "--methods", "default", "dps", "--batches", "8", "--nfe", "4"]
    assert footprint.main([*wanted, "--threads", "1", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    plain, ours, dps = report["rows"]
    assert (plain["method"], plain["ratio"]) == ("ddim", 1.0)
    assert (ours["method"], ours["backward_passes"]) == ("default", 0)
    assert ours["ratio"] < 1.15
    assert dps["backward_passes"] > 0
    assert dps["ratio"] > 1.15
    assert "--batches 8" in report["command"]


def test_one_figure_tells_what_it_is_of(tiny_folder: Path) -> None:
    args = footprint.parse(["--model", str(tiny_folder), "--nfe", "2", "--threads", "1"])
    row = footprint.footprint(args, "x4", "default-gradient", 2)
    assert (row.task, row.method, row.batch, row.model) == ("x4", "default-gradient", 2, tiny_folder.name)
    assert row.peak_mb > 0
    weights = sum(file.stat().st_size for file in tiny_folder.glob("*/*.safetensors")) / 1e6
    assert row.model_mb == pytest.approx(weights, rel=0.05, abs=0.1)
    assert row.backward_passes > 0


def test_the_weights_count_on_both_sides_of_the_whole_ratio() -> None:
    plain = Footprint("none", "ddim", 1, 10.0, 0, "scenes", "float32", model_mb=90.0)
    ours = replace(plain, task="box", method="default", peak_mb=15.0).beside(plain)
    assert (ours.ratio, ours.whole_ratio) == (1.5, 1.05)
    assert (plain.beside(plain).ratio, plain.beside(plain).whole_ratio) == (1.0, 1.0)


def test_the_rival_and_both_solvers_by_gradient_are_measured() -> None:
    assert "rival" in footprint.parse([]).methods
    assert footprint.MEASURED == ["default", "default-gradient", "newton-gradient"]


def test_a_method_without_its_checkpoint_is_skipped(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--masks", "box", "--methods", "rival", "--batches", "1", "--nfe", "2", "--threads", "1"]
    rest = ["--rival", str(tmp_path / "absent"), "--model", str(tiny_folder), "--json", str(tmp_path / "rows.json")]
    assert footprint.main([*wanted, *rest]) == 0
    assert [row["method"] for row in json.loads((tmp_path / "rows.json").read_text())["rows"]] == ["ddim"]
    assert "skipped rival" in capsys.readouterr().err


def test_memory_is_sampled_where_the_kernel_tells_no_peak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no" / "clear_refs")
    with PeakMemory(torch.device("cpu")) as figure:
        held = torch.ones(50_000_000)
        torch.mm(torch.ones(2000, 2000), torch.ones(2000, 2000))  # long enough to be looked at
        del held
    assert 150 < figure.mb < 400
