"""A comparison in pieces: nothing is measured twice, nothing of another model or of other pictures is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import solvers
from benchmarks.grids import CELL_PX, GAP_PX
from benchmarks.identity import Identity, cases_digest, weights_digest
from benchmarks.measuring import Measured
from benchmarks.pictures import symmetric_scenes
from benchmarks.report import read_json, write_json
from benchmarks.row import Origin, Row
from benchmarks.setting import Setting, Weights, identify, prepare
from benchmarks.shelf import Results
from benchmarks.survey import Wanted, forget, survey
from benchmarks.tasks import TASKS, make_cases
from jobs.settings import Settings
from tests.benchmarks.test_report import ROW
from worker.model import load

KEPT = replace(ROW, settings="20 steps", weights="w", pictures="p")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison on the embedded model that was stopped after its first row, and then gone on with.

    Between the pieces the rows are marked, as if another machine had measured them.
    """
    out = tmp_path_factory.mktemp("pieces")
    options = ["--count", "2", "--batch", "2", "--threads", "1", "--out", str(out), "--name", "real"]
    wanted = [*options, "--masks", "box", "--methods", "ding", "--budgets", "published", "3"]
    assert solvers.main([*wanted, "--minutes", "0"]) == 0
    path = out / "real" / "rows.json"
    rows, origin = read_json(path)
    assert [(row.method, row.nfe) for row in rows] == [("ddim", 20), ("newton", 220)]
    write_json(path, [replace(row, commit="0ld", hardware="another", seconds=123.0) for row in rows], origin)
    assert solvers.main([*wanted, "--resume"]) == 0
    return out / "real"


@pytest.mark.slow
def test_rows_of_the_first_piece_are_kept_and_the_rest_is_measured(pieces: Path) -> None:
    plain, reference, small, published = read_json(pieces / "rows.json")[0]
    for kept in (plain, reference):
        assert (kept.seconds, kept.commit, kept.hardware) == (123.0, "0ld", "another")
    assert (small.method, small.nfe, small.budget_nfe, small.published) == ("ding", 3, 3, False)
    assert (published.method, published.nfe, published.budget_nfe, published.published) == ("ding", 49, None, True)
    assert small.commit != "0ld"
    assert small.seconds < 123.0


@pytest.mark.slow
def test_differences_are_to_what_the_first_piece_measured(pieces: Path) -> None:
    _, reference, small, _ = read_json(pieces / "rows.json")[0]
    pairs = zip(small.scene_psnr_db, reference.scene_psnr_db, strict=True)
    expected = sum(ours - other for ours, other in pairs) / 2
    assert small.against == "newton 220 NFE"
    assert small.difference_db == pytest.approx(expected, abs=0.001)


@pytest.mark.slow
def test_the_page_tells_both_pieces_and_whose_figures_are_whose(pieces: Path) -> None:
    written = (pieces / "README.md").read_text()
    for told in (
        "--minutes 0\n",
        "--resume\n",
        "| 0ld | another |",
        "| as published |",
        "arXiv 2512.18365",
        "![box](box-seconds.png)",
    ):
        assert told in written


@pytest.mark.slow
def test_the_sheet_shows_pictures_of_both_pieces(pieces: Path) -> None:
    with Image.open(pieces / "box-pictures.png") as sheet:
        rows = (sheet.height - 2 * GAP_PX) // (CELL_PX + GAP_PX)
    assert rows == len(["input", "truth", "newton", "ding", "truth"])


@pytest.mark.slow
def test_rows_are_not_lost_to_who_forgets_to_resume(pieces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (pieces / "rows.json").read_text()
    options = ["--count", "2", "--batch", "2", "--threads", "1", "--out", str(pieces.parent), "--name", "real"]
    assert solvers.main([*options, "--masks", "box", "--methods", "ding", "--budgets", "3"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert (pieces / "rows.json").read_text() == before


@pytest.mark.parametrize(("task", "published"), [("x4", False), ("box", True)])
def test_a_row_that_is_there_is_published_as_the_roster_says_now(tiny_folder: Path, task: str, published: bool) -> None:
    """Rows of enlarging by `newton` were once told to be as published."""
    model = load(Settings(model=str(tiny_folder), device="cpu", dtype="float32"))
    setting = Setting(model, None, 1, 0, 1.0, Weights("w", None), {}, lambda: model)
    prepared = prepare(setting, TASKS[task], symmetric_scenes(0, 1))
    there = {identify(setting, prepared, Wanted("newton").method(model.dtype)): replace(ROW, published=not published)}
    ((_, measured),) = survey(setting, prepared, [Wanted("newton")], [], there)
    assert measured.row == replace(ROW, published=published)
    assert measured.pictures == []


@pytest.mark.parametrize(
    "other",
    [replace(KEPT, weights="x"), replace(KEPT, pictures="q"), replace(KEPT, batch=1)],
    ids=["weights", "pictures", "batch"],
)
def test_rows_of_something_else_are_refused_and_stay(tmp_path: Path, other: Row) -> None:
    results = Results(tmp_path, "scenes", ["now"])
    write_json(results.rows_path, [KEPT, other], Origin("scenes", ("then",)))
    with pytest.raises(ValueError, match=r"1 of 2 rows .* choose another --name"):
        results.take_up({"w"}, {"p"}, 2)
    assert read_json(results.rows_path)[0] == [KEPT, other]


def test_rows_commands_and_notes_are_taken_up(tmp_path: Path) -> None:
    results = Results(tmp_path, "scenes", ["now"])
    write_json(results.rows_path, [KEPT], Origin("scenes", ("then",), ("a note",)))
    results.take_up({"w", "w+rival"}, {"p", "q"}, 2)
    assert list(results.rows.values()) == [KEPT]
    assert results.origin == Origin("scenes", ("then", "now"), ("a note",))


def test_another_setting_precision_or_guidance_is_another_measurement() -> None:
    others = [
        replace(KEPT, settings="30 steps"),
        replace(KEPT, dtype="bfloat16"),
        replace(KEPT, guidance_scale=2.0),
        replace(KEPT, method="default"),
    ]
    assert len({Identity.of(row).digest for row in [KEPT, *others]}) == 5
    assert Identity.of(replace(KEPT, seconds=9.0, commit="another", budget_nfe=None)) == Identity.of(KEPT)


def test_a_changed_weight_is_seen_and_a_changed_card_is_not(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    weights, card = tmp_path / "unet" / "model.safetensors", tmp_path / "README.md"
    weights.write_bytes(b"one")
    before = weights_digest(tmp_path)
    card.write_text("a card")
    assert weights_digest(tmp_path) == before
    weights.write_bytes(b"two")
    assert weights_digest(tmp_path) != before
    assert weights_digest("somebody/model") is None


def test_other_scenes_noises_and_holes_are_other_pictures() -> None:
    samples = symmetric_scenes(0, 2)
    digests = [
        cases_digest(make_cases(TASKS["box"], samples, 0)),
        cases_digest(make_cases(TASKS["box"], samples, 1)),
        cases_digest(make_cases(TASKS["half_left"], samples, 0)),
        cases_digest(make_cases(TASKS["box"], symmetric_scenes(1, 2), 0)),
        cases_digest(make_cases(TASKS["box"], samples[:1], 0)),
    ]
    assert len(set(digests)) == 5
    assert digests[0] == cases_digest(make_cases(TASKS["box"], symmetric_scenes(0, 2), 0))


def test_pictures_are_kept_beside_their_row(tmp_path: Path) -> None:
    results = Results(tmp_path, "scenes", ["now"])
    results.add(Measured(KEPT, [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]))
    results.add(Measured(replace(KEPT, method="default"), []))
    red, blue = results.pictures(KEPT) or []
    assert (red.size, red.getpixel((8, 8)), blue.getpixel((8, 8))) == ((16, 16), (255, 0, 0), (0, 0, 255))
    assert results.pictures(replace(KEPT, method="default")) is None
    assert len(json.loads(results.rows_path.read_text())["rows"]) == 2


def test_a_note_goes_when_its_method_could_run() -> None:
    notes = ["skipped rival at 20 NFE: no checkpoint", "skipped dps at 20 NFE on box: diverged", "skipped ding: absent"]
    forget(Wanted("rival", 20), "box", notes)
    forget(Wanted("dps", 20), "half_left", notes)
    assert notes == ["skipped dps at 20 NFE on box: diverged", "skipped ding: absent"]
    forget(Wanted("dps", 20), "box", notes)
    assert notes == ["skipped ding: absent"]
