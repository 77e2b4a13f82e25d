"""A task's plots and its sheet of pictures, from rows and pictures of all pieces of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from benchmarks.grids import Line, sheet
from benchmarks.plots import NFE, SECONDS, quality_against
from benchmarks.row import Row
from benchmarks.setting import Prepared
from benchmarks.shelf import SHOWN, Results


def draw(results: Results, prepared: Prepared) -> None:
    """Draw what is there of a task. A sheet that would lack pictures which the rows had once stays as it is."""
    name = prepared.task.name
    rows = [row for row in results.compared() if row.mask == name]
    if not rows:
        return
    quality_against(NFE, rows, results.folder / f"{name}.png")
    quality_against(SECONDS, rows, results.folder / f"{name}-seconds.png")
    shown = [(row, results.pictures(row)) for row in dearest(rows)]
    gone = [row.method for row, pictures in shown if pictures is None]
    if gone:
        print(f"{name}: the sheet of pictures stays as it is: those of {', '.join(gone)} are not there")
        return
    several = len({row.dtype for row in rows}) > 1
    lines = [_line(row, pictures, several) for row, pictures in shown if pictures is not None]
    picture_sheet(prepared, lines).save(results.folder / f"{name}-pictures.png", optimize=True)


def dearest(rows: Sequence[Row]) -> list[Row]:
    """Each method's row of most evaluations, in each precision."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.method, row.dtype)
        if key not in found or row.nfe >= found[key].nfe:
            found[key] = row
    return list(found.values())


def picture_sheet(prepared: Prepared, methods: Sequence[Line]) -> Image.Image:
    """Input and truth, the methods, and the truth again."""
    cases = prepared.cases[:SHOWN]
    truth = [case.upload.picture for case in cases]
    lines = [Line("input", "what is known", [case.shown() for case in cases]), Line("truth", "", truth)]
    captions = [case.sample.prompt or case.sample.name for case in cases]
    return sheet([*lines, *methods, Line("truth", "", truth)], captions)


def _line(row: Row, pictures: Sequence[Image.Image], with_dtype: bool) -> Line:
    psnr = f"{row.hole_psnr_db:.2f} dB over {row.scenes} pictures"
    backward = f", {row.backward_passes} backward" if row.backward_passes else ""
    label = f"{row.method}, {row.dtype}" if with_dtype else row.method
    return Line(label, f"{row.nfe} NFE{backward}; {psnr}", pictures)
