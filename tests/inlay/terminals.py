"""Terminals as standard output, and what they make of the escape sequences that they get."""

from __future__ import annotations

import base64
import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import pytest
from PIL import Image

KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}


def from_kitty(written: str) -> tuple[list[dict[str, str]], bytes]:
    """The keys of each frame, and the file that kitty puts together."""
    frames = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", written)
    return [dict(key.split("=") for key in keys.split(",")) for keys, _ in frames], base64.b64decode(
        "".join(payload for _, payload in frames), validate=True
    )


def from_half_blocks(written: str) -> Image.Image:
    """The picture that a terminal shows, two pixels a character."""
    rows = [re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", line) for line in written.split("\n")]
    image = Image.new("RGB", (len(rows[0]), 2 * len(rows)))
    for y, row in enumerate(rows):
        for x, colours in enumerate(row):
            numbers = [int(one) for one in colours]
            image.putpixel((x, 2 * y), (numbers[0], numbers[1], numbers[2]))
            image.putpixel((x, 2 * y + 1), (numbers[3], numbers[4], numbers[5]))
    return image


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, service_url: str, **environ: str) -> Iterator[io.BytesIO]:
    """A real terminal of 80 × 24 as standard output; what is written to it."""
    for name in ("NO_COLOR", "TMUX", "TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "80", "LINES": "24", "INLAY_URL": service_url, **environ}.items():
        monkeypatch.setenv(name, value)
    written = io.BytesIO()
    controlling, controlled = os.openpty()

    def read() -> None:
        try:
            while data := os.read(controlling, 65536):
                written.write(data)
        except OSError:  # Linux says so when the other side is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(controlled, "w", encoding="utf-8") as out, redirect_stdout(out):
        yield written
    reader.join()
    os.close(controlling)
