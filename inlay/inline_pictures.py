"""Pictures in terminals that can show them: kitty's graphics protocol, iTerm2's inline images, or half blocks.

The protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html
"""

from __future__ import annotations

import base64
import io
import math
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

if TYPE_CHECKING:
    from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
KITTY_CHUNK = 4096
"""Characters of base64 in one frame, as kitty's protocol bounds them."""
CELL_PX = 8
"""Width of a character cell, about: it decides how wide a small picture is shown."""
LINES_LEFT_FREE = 4


class Way(StrEnum):
    """How a terminal shows pictures."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    HALF_BLOCKS = "half_blocks"


def way_of(environ: Mapping[str, str]) -> Way | None:
    """How the terminal that `environ` describes shows pictures; `None` if it cannot, or is not wanted to (`NO_COLOR`).

    tmux and screen swallow both protocols, whatever the terminal around them can, so they get half blocks.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if environ.get("NO_COLOR") or term in {"", "dumb"}:
        return None
    if not ("TMUX" in environ or term.startswith(("screen", "tmux"))):
        # Programs started from kitty inherit its variable, terminals among them; those name themselves.
        if term in {"xterm-kitty", "xterm-ghostty"} or ("KITTY_WINDOW_ID" in environ and not program):
            return Way.KITTY
        if program in {"iTerm.app", "WezTerm", "mintty"} or environ.get("LC_TERMINAL") == "iTerm2":
            return Way.ITERM2
    return Way.HALF_BLOCKS if environ.get("COLORTERM") in {"truecolor", "24bit"} else None


def show(picture: bytes, out: TextIO) -> None:
    """Show an encoded picture on `out` if that is a terminal that can, else do nothing.

    Half blocks, and files other than PNG, need Pillow (extra `embedded`); without it, or if it
    cannot read them, they are not shown.
    """
    way = way_of(os.environ) if out.isatty() else None
    if way is None:
        return
    try:
        written = "".join(_written(way, picture, shutil.get_terminal_size()))
        written.encode(out.encoding)
    except (ModuleNotFoundError, OSError, UnicodeEncodeError):  # no Pillow, or one that cannot read this; no UTF-8
        return
    out.write(written + "\n")
    out.flush()


def _written(way: Way, picture: bytes, terminal: os.terminal_size) -> Iterator[str]:
    if way == Way.HALF_BLOCKS:
        image = _decoded(picture)
        yield half_blocks(image, fitting_columns(image.size, terminal, px_per_column=1))
        return
    png = _as_png(picture)
    columns = fitting_columns(_png_size(png), terminal, px_per_column=CELL_PX)
    yield from kitty_frames(png, columns) if way == Way.KITTY else (iterm2_frame(png, columns),)


def fitting_columns(size_px: tuple[int, int], terminal: os.terminal_size, *, px_per_column: int) -> int:
    """Columns for a picture at its natural size, or as many as the terminal has room for; a cell is twice as high."""
    width_px, height_px = size_px
    lines = max(1, terminal.lines - LINES_LEFT_FREE)
    return max(1, min(math.ceil(width_px / px_per_column), terminal.columns, lines * 2 * width_px // height_px))


def kitty_frames(png: bytes, columns: int) -> Iterator[str]:
    """Escape sequences that send a PNG to kitty, which shows it `columns` wide and answers nothing (`q=2`)."""
    payload = base64.b64encode(png).decode()
    for start in range(0, len(payload), KITTY_CHUNK):
        more = int(start + KITTY_CHUNK < len(payload))
        keys = f"a=T,f=100,q=2,c={columns},m={more}" if start == 0 else f"m={more}"
        yield f"\x1b_G{keys};{payload[start : start + KITTY_CHUNK]}\x1b\\"


def iterm2_frame(picture: bytes, columns: int) -> str:
    """The escape sequence that sends a picture file to iTerm2, which shows it `columns` wide."""
    arguments = f"inline=1;size={len(picture)};width={columns};height=auto;preserveAspectRatio=1"
    return f"\x1b]1337;File={arguments}:{base64.b64encode(picture).decode()}\x07"


def half_blocks(image: Image.Image, columns: int) -> str:
    """The picture in characters `▀`, each of two pixels: the upper in its colour, the lower in its background's."""
    lines = max(1, round(columns * image.height / image.width / 2))
    pixels = image.convert("RGB").resize((columns, 2 * lines)).tobytes()
    colours = [Color.from_rgb(*pixels[start : start + 3]) for start in range(0, len(pixels), 3)]
    rows = [colours[start : start + columns] for start in range(0, len(colours), columns)]
    segments: list[Segment] = []
    for upper_row, lower_row in zip(rows[::2], rows[1::2], strict=True):
        segments += [Segment.line()] if segments else []
        pairs = zip(upper_row, lower_row, strict=True)
        segments += [Segment("▀", Style(color=upper, bgcolor=lower)) for upper, lower in pairs]
    written = io.StringIO()
    console = Console(
        file=written, force_terminal=True, color_system="truecolor", width=columns, legacy_windows=False, no_color=False
    )
    console.print(Segments(segments), end="")
    return written.getvalue()


def _decoded(picture: bytes) -> Image.Image:
    from PIL import Image  # Pillow is not among the client's own packages

    return Image.open(io.BytesIO(picture))


def _as_png(picture: bytes) -> bytes:
    """The picture as PNG, the one format of kitty's protocol. Raises `ModuleNotFoundError` if Pillow is needed."""
    if picture.startswith(PNG_SIGNATURE):
        return picture
    written = io.BytesIO()
    _decoded(picture).save(written, "PNG")
    return written.getvalue()


def _png_size(png: bytes) -> tuple[int, int]:
    """Width and height, which stand first in a PNG's header."""
    width_px, height_px = struct.unpack(">II", png[16:24])
    return width_px, height_px
