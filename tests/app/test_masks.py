"""Masks: whose, which way round, how much, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageChops

from app.images import Picture
from app.masks import Mask, read_mask
from app.problems import Problem
from jobs.settings import Settings
from jobs.spec import InpaintSpec
from tests.app.pictures import encoded, gradient, mask_image

SETTINGS = Settings()


def picture(alpha: Image.Image | None = None) -> Picture:
    return Picture(gradient(), alpha, "png")


def read(mask: Image.Image | None, of: Picture | None = None, **spec: Any) -> Mask:
    return read_mask(None if mask is None else encoded(mask), of or picture(), InpaintSpec(**spec), SETTINGS)


def refused(code: str, pointer: str, mask: Image.Image | None, of: Picture | None = None, **spec: Any) -> None:
    with pytest.raises(Problem) as caught:
        read(mask, of, **spec)
    assert (caught.value.kind.code, caught.value.pointer) == (code, pointer)


def test_white_repaints_by_default() -> None:
    mask = read(mask_image())
    assert (mask.source, mask.polarity) == ("file", "white_repaints")
    assert mask.coverage == pytest.approx(0.25)
    assert mask.grey.tobytes() == mask_image().tobytes()


def test_keep_white_turns_the_mask_round() -> None:
    mask = read(mask_image(), mask_polarity="keep_white")
    assert mask.polarity == "keep_white"
    assert mask.coverage == pytest.approx(0.75)
    assert mask.grey.tobytes() == ImageChops.invert(mask_image()).tobytes()


def test_only_transparency_of_the_mask_counts_where_it_is_meant_so() -> None:
    marked = gradient(mode="RGBA")
    marked.putalpha(ImageChops.invert(mask_image()))
    mask = read(marked, mask_polarity="transparent_repaints")
    assert (mask.source, mask.polarity) == ("file", "transparent_repaints")
    assert mask.grey.tobytes() == mask_image().tobytes()
    refused("mask_empty", "/mask", mask_image(), mask_polarity="transparent_repaints")


@pytest.mark.parametrize(("polarity", "coverage"), [("white_repaints", 0.25), ("keep_white", 0.75)])
@pytest.mark.parametrize("scale", [1, 2])
def test_mask_of_sixteen_bits_becomes_one_of_eight(polarity: str, coverage: float, scale: int) -> None:
    levels = mask_image(96 * scale, 80 * scale)
    mask = Image.frombytes("I;16", levels.size, bytes(byte for level in levels.tobytes() for byte in (level, level)))
    read_in = read(mask, mask_polarity=polarity, mask_resize=scale > 1)
    assert (read_in.grey.mode, read_in.grey.size) == ("L", (96, 80))
    assert read_in.coverage == pytest.approx(coverage, abs=0.01)


def test_grey_is_strength() -> None:
    mask = read(mask_image().point(lambda level: level // 2))
    assert mask.grey.getextrema() == (0, 127)
    assert mask.coverage == pytest.approx(127 / 255 / 4)


def test_coloured_mask_counts_by_its_lightness() -> None:
    assert read(mask_image().convert("RGB")).grey.tobytes() == mask_image().tobytes()


def test_transparent_is_repainted_when_there_is_no_mask_file() -> None:
    mask = read(None, picture(ImageChops.invert(mask_image())))
    assert (mask.source, mask.polarity) == ("alpha", "transparent_repaints")
    assert mask.coverage == pytest.approx(0.25)
    assert mask.grey.tobytes() == mask_image().tobytes()


def test_mask_file_wins_over_transparency() -> None:
    assert read(mask_image(), picture(Image.new("L", (96, 80), 7))).source == "file"


def test_other_size_is_refused_unless_resizing_is_asked_for() -> None:
    refused("mask_size_mismatch", "/mask", mask_image(192, 160))
    mask = read(mask_image(192, 160), mask_resize=True)
    assert mask.grey.size == (96, 80)
    assert mask.coverage == pytest.approx(0.25, abs=0.01)
    assert read(mask_image(8, 8), mask_resize=True).grey.size == (96, 80)


@pytest.mark.parametrize(
    ("level", "polarity", "code"),
    [
        (0, "white_repaints", "mask_empty"),
        (255, "white_repaints", "mask_full"),
        (0, "keep_white", "mask_full"),
        (255, "keep_white", "mask_empty"),
    ],
)
def test_empty_and_full_masks_have_their_own_codes(level: int, polarity: str, code: str) -> None:
    refused(code, "/mask", Image.new("L", (96, 80), level), mask_polarity=polarity)


def test_opaque_or_clear_picture_without_mask_is_refused() -> None:
    refused("mask_missing", "/mask", None)
    refused("mask_empty", "/image", None, picture(Image.new("L", (96, 80), 255)))
    refused("mask_full", "/image", None, picture(Image.new("L", (96, 80), 0)))
