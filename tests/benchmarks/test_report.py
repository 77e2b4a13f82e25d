from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import solvers
from benchmarks.comparing import against, compared_rows, is_reference
from benchmarks.grids import CELL_PX, GAP_PX, LABEL_PX, Line, sheet
from benchmarks.memory import PeakMemory
from benchmarks.plots import pareto_front, told_apart
from benchmarks.report import markdown, read_json, write_json
from benchmarks.row import Origin, Row
from worker.model import pick_device

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


def test_what_rows_share_is_no_column_and_what_differs_is() -> None:
    other = replace(ROW, commit="0ld", hardware="another", published=True)
    assert "commit" not in markdown([ROW, ROW])
    head, _, first, second = markdown([ROW, other]).splitlines()
    assert [name for name in ("commit", "hardware", "threads") if name in head] == ["commit", "hardware"]
    assert [text in second for text in ("| 0ld | another |", "| yes |")] == [True, True]
    assert "| yes |" not in first


def test_rows_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    origin = Origin("scenes", ("first", "second"), ("a note",))
    write_json(tmp_path / "rows.json", [ROW, replace(ROW, eta=0.5)], origin)
    assert read_json(tmp_path / "rows.json") == ([ROW, replace(ROW, eta=0.5)], origin)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]
    (tmp_path / "rows.json").write_text('{"rows": [{"task": "inpaint"}]}')
    with pytest.raises(ValueError, match="not of this version"):
        read_json(tmp_path / "rows.json")


def test_rows_are_compared_with_the_reference_their_float32_twin_and_text_to_image() -> None:
    plain = replace(ROW, task="generate", mask="none", method="ddim", peak_mb=5.0, scene_psnr_db=())
    reference = replace(ROW, published=True)
    ours = replace(ROW, method="default", steps=20, nfe=40, scene_psnr_db=(20.0, 22.0))
    half = replace(ours, dtype="bfloat16", nfe=60, scene_psnr_db=(19.5, 21.5))
    elsewhere = replace(ours, mask="half_left")
    rows = compared_rows([half, elsewhere, ours, reference, plain])
    assert [(row.mask, row.method, row.dtype) for row in rows] == [
        *(("none", "ddim", "float32"), ("half_left", "default", "float32"), ("box", "newton", "float32")),
        *(("box", "default", "float32"), ("box", "default", "bfloat16")),
    ]
    assert [row.difference_db for row in rows] == [None, None, 0.0, 1.0, 0.5]
    assert [row.float32_difference_db for row in rows] == [None, None, None, None, -0.5]
    assert is_reference(replace(reference, mask="x4", published=False))
    assert not is_reference(replace(reference, inner_steps=1))


def test_memory_is_told_beside_text_to_image_on_a_gpu_only() -> None:
    """On a CPU it depends on what the process ran before; rows of an earlier version told it all the same."""
    plain = replace(ROW, task="generate", mask="none", method="ddim", peak_mb=5.0, scene_psnr_db=(), device="cuda")
    ours = replace(ROW, device="cuda")
    half = replace(ours, dtype="bfloat16")
    assert [row.peak_ratio for row in compared_rows([plain, ours, half])] == [1.0, 2.0, None]
    for device in ("cpu", ""):
        rows = [replace(row, device=device, peak_ratio=3.0) for row in (plain, ours)]
        assert [row.peak_ratio for row in compared_rows(rows)] == [None, None]
        assert "text to image" not in markdown(compared_rows(rows))


def test_the_front_keeps_what_nothing_cheaper_matches() -> None:
    points = [(20.0, 1.0), (40.0, 3.0), (40.0, 2.0), (60.0, 3.0), (220.0, 4.0)]
    assert pareto_front(points) == [(20.0, 1.0), (40.0, 3.0), (220.0, 4.0)]


def test_costs_whose_labels_would_touch_are_not_all_labelled() -> None:
    assert told_apart([20, 40, 60, 220, 39, 50, 100, 120, 160, 1000]) == [20, 40, 60, 100, 220, 1000]


def test_a_sheet_has_a_row_a_method_and_a_column_a_picture() -> None:
    pictures = [Image.new("RGB", (CELL_PX, CELL_PX), colour) for colour in ("red", "blue", "green")]
    lines = [Line("input", "", pictures), Line("truth", "a long note that must be broken", pictures)]
    drawn = sheet(lines)
    assert drawn.size == (LABEL_PX + 3 * (CELL_PX + GAP_PX), GAP_PX + 2 * (CELL_PX + GAP_PX))
    assert drawn.getpixel((LABEL_PX + CELL_PX + GAP_PX + 5, GAP_PX + 5)) == (0, 0, 255)
    assert sheet(lines, ["a caption"] * 3).height > drawn.height


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
    assert solvers.main([*options, *wanted, "--dtype", "float32", "bfloat16"]) == 0
    folder = tmp_path / "tiny"
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "table.md", "rows.json", "shown", "box.png", "box-seconds.png", "box-pictures.png"),
    }
    rows = json.loads((folder / "rows.json").read_text())["rows"]
    plain, plain_half, reference, ding, half = rows
    assert (plain["task"], plain["nfe"], plain["device"]) == ("generate", 20, pick_device("auto").type)
    assert (plain_half["task"], plain_half["dtype"]) == ("generate", "bfloat16")
    assert (reference["method"], reference["nfe"], reference["difference_db"]) == ("newton", 220, 0.0)
    assert (ding["nfe"], ding["against"]) == (3, "newton 220 NFE")
    assert (half["method"], half["dtype"], half["against"]) == ("ding", "bfloat16", "newton 220 NFE")
    assert half["float32_difference_db"] == pytest.approx(half["hole_psnr_db"] - ding["hole_psnr_db"], abs=0.002)
    written = (folder / "README.md").read_text()
    for told in (
        "--methods ding",
        "commit",
        "seed 0",
        "![box](box.png)",
        "| ding |",
        "arXiv 2410.18804",
        "benchmarks.footprint",
    ):
        assert told in written
