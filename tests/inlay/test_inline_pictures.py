"""Pictures in terminals: escape sequences decode to the very picture; the environment tells which are understood."""

from __future__ import annotations

import base64
import io
import os
import re

import pytest
from PIL import Image

from inlay.inline_pictures import (
    KITTY_CHUNK,
    Way,
    fitting_columns,
    half_blocks,
    iterm2_frame,
    kitty_frames,
    show,
    way_of,
)
from tests.app.pictures import encoded, gradient
from tests.inlay.terminals import KITTY, from_half_blocks, from_kitty

TRUECOLOUR = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
NOISE = Image.frombytes("RGB", (96, 80), os.urandom(96 * 80 * 3))  # does not compress into one frame


def test_frames_for_kitty_decode_to_the_same_png() -> None:
    png = encoded(NOISE)
    written = list(kitty_frames(png, columns=12))
    keys, sent = from_kitty("".join(written))
    assert sent == png
    assert keys[0] == {"a": "T", "f": "100", "q": "2", "c": "12", "m": "1"}
    assert keys[1:] == [{"m": "1"}] * (len(keys) - 2) + [{"m": "0"}]
    assert all(len(frame.partition(";")[2]) <= KITTY_CHUNK + len("\x1b\\") for frame in written)


def test_a_small_png_is_one_frame_for_kitty() -> None:
    (frame,) = kitty_frames(encoded(Image.new("L", (8, 8))), columns=1)
    assert from_kitty(frame)[0][0]["m"] == "0"


def test_the_frame_for_iterm2_decodes_to_the_same_file() -> None:
    png = encoded(NOISE)
    frame = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07", iterm2_frame(png, columns=12))
    assert frame
    assert base64.b64decode(frame[2], validate=True) == png
    arguments = dict(one.split("=") for one in frame[1].split(";"))
    assert (arguments["inline"], arguments["size"], arguments["width"]) == ("1", str(len(png)), "12")


def test_half_blocks_show_every_pixel_in_its_colour() -> None:
    image = gradient(20, 12)
    assert from_half_blocks(half_blocks(image, columns=20)).tobytes() == image.tobytes()


def test_half_blocks_of_a_large_picture_keep_its_shape() -> None:
    assert from_half_blocks(half_blocks(gradient(96, 80), columns=24)).size == (24, 20)


@pytest.mark.parametrize(
    ("size_px", "px_per_column", "columns"),
    [((128, 128), 8, 16), ((4000, 1000), 8, 80), ((128, 128), 1, 40), ((1000, 4000), 1, 10), ((1, 4000), 8, 1)],
)
def test_pictures_fit_into_the_terminal(size_px: tuple[int, int], px_per_column: int, columns: int) -> None:
    assert fitting_columns(size_px, os.terminal_size((80, 24)), px_per_column=px_per_column) == columns


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        (KITTY, Way.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "3"}, Way.KITTY),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty", "COLORTERM": "truecolor"}, Way.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "COLORTERM": "truecolor"}, Way.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Way.ITERM2),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, Way.ITERM2),
        (TRUECOLOUR, Way.HALF_BLOCKS),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, Way.HALF_BLOCKS),
        (TRUECOLOUR | {"KITTY_WINDOW_ID": "3", "TERM_PROGRAM": "vscode"}, Way.HALF_BLOCKS),
        (TRUECOLOUR | {"KITTY_WINDOW_ID": "3", "TMUX": "/tmp/tmux-0/default,1,0"}, Way.HALF_BLOCKS),
        (KITTY | {"TERM": "screen"}, None),
        ({"TERM": "xterm-256color"}, None),
        (TRUECOLOUR | {"TERM": "dumb"}, None),
        (KITTY | {"NO_COLOR": "1"}, None),
        (KITTY | {"NO_COLOR": ""}, Way.KITTY),
        ({}, None),
    ],
)
def test_the_environment_tells_what_a_terminal_can(environ: dict[str, str], way: Way | None) -> None:
    assert way_of(environ) == way


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_file_that_cannot_be_read_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TMUX", raising=False)
    out = Terminal()
    show(b"of a kind that there is not", out)
    assert out.getvalue() == ""
