"""The demo's pictures: the half that is submitted, what came back beside the truth, and how close they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log10
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

Box = tuple[int, int, int, int]

UNKNOWN_GREY = (127, 127, 127)
PANEL_PX = 320
MARGIN_PX = 20
TEXT_PX = 18
INK = (40, 40, 40)
PAPER = (250, 250, 248)


def load(path: Path) -> Image.Image:
    """The picture in `path` as RGB."""
    with Image.open(path) as image:
        return image.convert("RGB")


def left_and_hole(size: tuple[int, int], fraction: float) -> tuple[Box, Box]:
    """The known left part of a picture of `size` (width, height in px) and the rest, as (left, top, right, bottom)."""
    width_px, height_px = size
    border_px = round(width_px * fraction)
    return (0, 0, border_px, height_px), (border_px, 0, width_px, height_px)


def without(image: Image.Image, hole: Box) -> Image.Image:
    """A copy in which the hole is flat grey: what is submitted, so that the truth never leaves this program."""
    copy = image.copy()
    copy.paste(UNKNOWN_GREY, hole)
    return copy


def psnr_db(first: Image.Image, second: Image.Image, box: Box) -> float:
    """Peak signal-to-noise ratio of two RGB pictures within `box`, in dB over 8-bit levels."""
    stat = ImageStat.Stat(ImageChops.difference(first.crop(box), second.crop(box)))
    mean_square = sum(stat.sum2) / sum(stat.count)
    return inf if mean_square == 0 else 10 * log10(255**2 / mean_square)


def max_difference(first: Image.Image, second: Image.Image, box: Box) -> int:
    """The largest difference of any channel of any pixel within `box`, 0 to 255."""
    differences = ImageStat.Stat(ImageChops.difference(first.crop(box), second.crop(box)))
    return max(int(highest) for _, highest in differences.extrema)


def side_by_side(panels: Sequence[tuple[str, Image.Image]], footer: str) -> Image.Image:
    """Labelled panels from left to right on one sheet, with a line below."""
    font = ImageFont.load_default(TEXT_PX)
    line_px = TEXT_PX + MARGIN_PX // 2
    width_px = MARGIN_PX + len(panels) * (PANEL_PX + MARGIN_PX)
    sheet = Image.new("RGB", (width_px, PANEL_PX + 2 * line_px + 2 * MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (label, image) in enumerate(panels):
        left_px = MARGIN_PX + index * (PANEL_PX + MARGIN_PX)
        draw.text((left_px, MARGIN_PX // 2), label, INK, font)
        shown = image.resize((PANEL_PX, PANEL_PX), Image.Resampling.LANCZOS)
        sheet.paste(shown, (left_px, MARGIN_PX // 2 + line_px))
    draw.text((MARGIN_PX, MARGIN_PX + line_px + PANEL_PX), footer, INK, font)
    return sheet


def hatched(image: Image.Image, hole: Box, step_px: int = 8) -> Image.Image:
    """A copy whose hole is a light chequerboard, the usual sign for "nothing here"."""
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    left, top, right, bottom = hole
    draw.rectangle((left, top, right - 1, bottom - 1), (235, 235, 235))
    for y in range(top, bottom, step_px):
        for x in range(left + (y // step_px % 2) * step_px, right, 2 * step_px):
            draw.rectangle((x, y, min(x + step_px, right) - 1, min(y + step_px, bottom) - 1), (210, 210, 210))
    return copy
