from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from benchmarks import solvers
from benchmarks.grids import CELL_PX, GAP_PX, LABEL_PX, Line, sheet
from benchmarks.measuring import against
from benchmarks.memory import PeakMemory
from benchmarks.methods import at_budget, names
from benchmarks.plots import pareto_front
from benchmarks.report import Row, markdown

ROW = Row(
    task="inpaint",
    mask="box",
    method="newton",
    steps=20,
    inner_steps=5,
    eta="paper",
    guidance_scale=1.0,
    nfe=220,
    backward_passes=0,
    scenes=2,
    seed=0,
    batch=2,
    dtype="float32",
    seconds=1.5,
    peak_mb=10.0,
    hole_psnr_db=20.0,
    ci95_db=0.5,
    known_max_abs_diff=0,
    scene_psnr_db=(19.0, 21.0),
)


def test_the_table_shows_what_was_measured_and_nothing_else() -> None:
    head, rule, row = markdown([ROW]).splitlines()
    assert "| 20.00 ± 0.50 |" in row
    assert "known diff" in head
    assert "LPIPS" not in head
    assert "backward" not in head
    assert head.count("|") == rule.count("|") == row.count("|")
    assert "backward" in markdown([ROW, replace(ROW, backward_passes=3)])


def test_differences_are_paired_and_name_their_reference() -> None:
    row = against(replace(ROW, method="ding", scene_psnr_db=(20.0, 22.0)), ROW)
    assert (row.difference_db, row.difference_ci95_db, row.against) == (1.0, 0.0, "newton 220 NFE")
    assert "| +1.00 ± 0.00 |" in markdown([row])


def test_the_front_keeps_what_nothing_cheaper_matches() -> None:
    points = [(20.0, 1.0), (40.0, 3.0), (40.0, 2.0), (60.0, 3.0), (220.0, 4.0)]
    assert pareto_front(points) == [(20.0, 1.0), (40.0, 3.0), (220.0, 4.0)]


def test_a_sheet_has_a_row_a_method_and_a_column_a_picture() -> None:
    pictures = [Image.new("RGB", (CELL_PX, CELL_PX), colour) for colour in ("red", "blue", "green")]
    lines = [Line("input", "", pictures), Line("truth", "a long note that must be broken", pictures)]
    drawn = sheet(lines)
    assert drawn.size == (LABEL_PX + 3 * (CELL_PX + GAP_PX), GAP_PX + 2 * (CELL_PX + GAP_PX))
    assert drawn.getpixel((LABEL_PX + CELL_PX + GAP_PX + 5, GAP_PX + 5)) == (0, 0, 255)
    assert sheet(lines, ["a caption"] * 3).height > drawn.height


def test_newton_keeps_the_papers_steps_while_a_correction_fits() -> None:
    fitted = {nfe: at_budget("newton", nfe, torch.float32) for nfe in (20, 40, 60, 100, 220, 440)}
    assert {nfe: (method.steps, method.inner_steps) for nfe, method in fitted.items()} == {
        20: (6, 1),
        40: (13, 1),
        60: (20, 1),
        100: (20, 2),
        220: (20, 5),
        440: (40, 5),
    }


def test_our_solver_spends_two_evaluations_a_step() -> None:
    fitted = at_budget("default", 41, torch.float32)
    assert (fitted.steps, fitted.inner_steps, fitted.eta) == (20, 1, 1.0)


def test_methods_are_offered_by_name() -> None:
    assert {"newton", "newton-eta1", "blended", "repaint", "mpgd", "ding", "lanpaint", "dps", "rival"} <= set(names())


def test_memory_is_the_rise_to_the_peak() -> None:
    with PeakMemory(torch.device("cpu")) as memory:
        held = torch.ones(50_000_000)
        del held
    assert 150 < memory.mb < 400
    with PeakMemory(torch.device("cpu")) as nothing:
        pass
    assert nothing.mb < 50


def test_a_comparison_writes_table_rows_plots_and_pictures(tiny_folder: Path, tmp_path: Path) -> None:
    options = ["--count", "2", "--batch", "2", "--threads", "1", "--model", str(tiny_folder), "--out", str(tmp_path)]
    wanted = ["--name", "tiny", "--masks", "box", "--methods", "ding", "--budgets", "3"]
    assert solvers.main([*options, *wanted]) == 0
    folder = tmp_path / "tiny"
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "table.md", "rows.json", "box.png", "box-pictures.png"),
    }
    reference, ding = json.loads((folder / "rows.json").read_text())["rows"]
    assert (reference["method"], reference["nfe"], reference["difference_db"]) == ("newton", 220, 0.0)
    assert (ding["nfe"], ding["against"]) == (3, "newton 220 NFE")
    written = (folder / "README.md").read_text()
    for told in ("--methods ding", "commit", "seed 0", "![box](box.png)", "| ding |"):
        assert told in written
