from __future__ import annotations

from math import inf

import pytest
from PIL import Image

from inlay import montage

GREY = Image.new("RGB", (10, 4), (100, 100, 100))
KNOWN, HOLE = montage.left_and_hole(GREY.size, 0.5)


def test_the_two_parts_cover_the_picture() -> None:
    assert (KNOWN, HOLE) == ((0, 0, 5, 4), (5, 0, 10, 4))


def test_nothing_of_the_hole_is_submitted() -> None:
    image = Image.new("RGB", (10, 4), (200, 10, 10))
    half = montage.without(image, HOLE)
    assert half.crop(HOLE).getcolors() == [(20, montage.UNKNOWN_GREY)]
    assert half.crop(KNOWN).tobytes() == image.crop(KNOWN).tobytes()


def test_psnr_is_that_of_the_box_alone() -> None:
    other = GREY.copy()
    other.paste((110, 110, 110), HOLE)
    assert montage.psnr_db(GREY, other, KNOWN) == inf
    assert montage.psnr_db(GREY, other, HOLE) == pytest.approx(28.13, abs=0.01)  # 10 log10(255² / 10²)


def test_the_largest_difference_is_found_in_any_channel() -> None:
    other = GREY.copy()
    other.putpixel((1, 1), (100, 97, 100))
    assert montage.max_difference(GREY, other, KNOWN) == 3
    assert montage.max_difference(GREY, other, HOLE) == 0


def test_the_sheet_shows_the_panels_side_by_side() -> None:
    panels = [("input", montage.hatched(GREY, HOLE)), ("result", GREY), ("truth", GREY)]
    sheet = montage.side_by_side(panels, "caption")
    assert sheet.width > 3 * montage.PANEL_PX
    middle = montage.MARGIN_PX + montage.PANEL_PX + montage.MARGIN_PX + montage.PANEL_PX // 2
    assert sheet.getpixel((middle, sheet.height // 2)) == (100, 100, 100)
