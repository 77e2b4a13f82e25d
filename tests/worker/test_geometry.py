from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.geometry import Box, place

SIDES = st.integers(64, 5000)
NATIVES = st.sampled_from([128, 512, 768])


@pytest.mark.parametrize(
    ("size", "scaled", "canvas"),
    [
        ((64, 64), (128, 128), (128, 128)),
        ((100, 75), (100, 75), (128, 128)),
        ((96, 96), (96, 96), (128, 128)),
        ((128, 128), (128, 128), (128, 128)),
        ((300, 200), (128, 85), (128, 128)),
        ((1024, 768), (128, 96), (128, 128)),
        ((128, 64), (128, 64), (128, 64)),
        ((2048, 64), (1024, 32), (1024, 64)),
        ((64, 1280), (32, 640), (64, 640)),
    ],
)
def test_longest_side_becomes_native_unless_it_is_near_or_a_strip(
    size: tuple[int, int], scaled: tuple[int, int], canvas: tuple[int, int]
) -> None:
    placement = place(*size, native_px=128, cell_px=8)
    assert placement.window == Box(0, 0, *size)
    assert (placement.scaled.width, placement.scaled.height) == scaled
    assert (placement.canvas_width_px, placement.canvas_height_px) == canvas


def test_small_hole_in_a_large_picture_is_sampled_in_a_window() -> None:
    placement = place(1024, 768, 128, 8, Box(500, 300, 60, 40))
    assert placement.window == Box(440, 230, 180, 180)
    assert (placement.scaled.width, placement.scaled.height) == (128, 128)


def test_window_is_never_smaller_than_native_and_stays_in_the_picture() -> None:
    placement = place(1024, 768, 128, 8, Box(0, 760, 8, 8))
    assert placement.window == Box(0, 640, 128, 128)


def test_small_picture_and_large_hole_are_sampled_whole() -> None:
    assert place(128, 100, 128, 8, Box(10, 10, 5, 5)).window == Box(0, 0, 128, 100)
    assert place(900, 600, 128, 8, Box(100, 100, 400, 300)).window == Box(0, 0, 900, 600)


@given(SIDES, SIDES, NATIVES, st.data())
def test_placement_always_fits(width: int, height: int, native: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    hole = Box(left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top)))
    placement = place(width, height, native, 8, hole)
    window, scaled = placement.window, placement.scaled
    assert 0 <= window.left <= hole.left
    assert hole.left + hole.width <= window.left + window.width <= width
    assert 0 <= window.top <= hole.top
    assert hole.top + hole.height <= window.top + window.height <= height
    assert placement.canvas_width_px % 64 == placement.canvas_height_px % 64 == 0
    assert scaled.left % 8 == scaled.top % 8 == 0
    assert scaled.left + scaled.width <= placement.canvas_width_px
    assert scaled.top + scaled.height <= placement.canvas_height_px
    assert min(scaled.width, scaled.height) >= 32
    assert max(scaled.width, scaled.height) <= native or min(scaled.width, scaled.height) == 32
