"""Sheets of pictures: a row a method and a column a picture, between what was given and what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

CELL_PX = 128
GAP_PX = 4
LABEL_PX = 190
TEXT_PX = 14
SMALL_PX = 12
INK, FADED, PAPER = (40, 40, 40), (120, 120, 120), (250, 250, 248)


@dataclass(frozen=True, eq=False)
class Line:
    """One row of a sheet: its label, a second line in smaller letters, and its pictures."""

    label: str
    note: str
    pictures: Sequence[Image.Image]


def sheet(lines: Sequence[Line], captions: Sequence[str] = (), cell_px: int = CELL_PX) -> Image.Image:
    """The rows below each other, labels on the left, `captions` above the columns; pictures scaled to `cell_px`."""
    columns = max(len(line.pictures) for line in lines)
    head_px = 2 * (SMALL_PX + GAP_PX) + 2 * GAP_PX if captions else GAP_PX
    size = LABEL_PX + columns * (cell_px + GAP_PX), head_px + len(lines) * (cell_px + GAP_PX)
    paper = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(paper)
    for column, caption in enumerate(captions[:columns]):
        _text(draw, (LABEL_PX + column * (cell_px + GAP_PX), GAP_PX), caption, SMALL_PX, FADED, cell_px)
    for number, line in enumerate(lines):
        top_px = head_px + number * (cell_px + GAP_PX)
        room_px = LABEL_PX - 3 * GAP_PX
        below_px = _text(
            draw, (2 * GAP_PX, top_px + cell_px // 2 - TEXT_PX - GAP_PX), line.label, TEXT_PX, INK, room_px
        )
        _text(draw, (2 * GAP_PX, below_px), line.note, SMALL_PX, FADED, room_px)
        for column, picture in enumerate(line.pictures):
            paper.paste(_scaled(picture, cell_px), (LABEL_PX + column * (cell_px + GAP_PX), top_px))
    return paper


def _scaled(picture: Image.Image, cell_px: int) -> Image.Image:
    """Pixels stay pixels when a picture is enlarged."""
    if picture.size == (cell_px, cell_px):
        return picture
    enlarged = picture.width < cell_px
    return picture.resize((cell_px, cell_px), Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS)


def _text(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size_px: int, ink: tuple[int, int, int], width_px: int
) -> int:
    """Write `text` in at most two lines of `width_px`; returns where the next line would start."""
    font = ImageFont.load_default(size_px)
    lines = _broken(text, lambda part: draw.textlength(part, font) <= width_px)
    for number, line in enumerate(lines):
        draw.text((at[0], at[1] + number * (size_px + GAP_PX)), line, ink, font)
    return at[1] + len(lines) * (size_px + GAP_PX)


def _broken(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The words in two lines that fit; what does not becomes an ellipsis."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer) or not lines[-1]:
            lines[-1] = longer
        elif len(lines) == 1:
            lines.append(word)
        else:
            while lines[-1] and not fits(lines[-1] + "…"):
                lines[-1] = lines[-1][:-1].rstrip()
            lines[-1] += "…"
            break
    return lines
