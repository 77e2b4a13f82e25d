"""Damaged pictures, other files, and pictures with something behind them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.app.hostile.files import STRANGERS, flipped, good_files
from tests.app.hostile.requests import Hostile, inpainting, upload
from tests.app.pictures import encoded, gradient


def damaged_pictures() -> Iterator[Hostile]:
    """Cut off at many places; single bits flipped."""
    chance = random.Random(7)
    for kind, data in good_files().items():
        for cut in (1, 2, 4, 8, 12, 20, 33, 64, 200, len(data) // 2, len(data) * 9 // 10, len(data) - 5, len(data) - 1):
            yield upload(f"{kind} cut at {cut}", data[:cut])
        for _ in range(16):
            position, bit = chance.randrange(8, len(data)), chance.randrange(8)
            yield upload(f"{kind} bit {bit} of byte {position}", flipped(data, position, bit), definite=kind == "png")
        for position in range(4, 40, 3):
            yield upload(f"{kind} header byte {position}", flipped(data, position, 6), definite=kind == "png")
    for kind in ("TIFF", "BMP"):
        data = encoded(gradient(), kind)
        for cut in (4, 8, 100, len(data) // 2, len(data)):
            yield upload(f"{kind} cut at {cut}", data[:cut])


def wrong_types() -> Iterator[Hostile]:
    """Everything but pictures, as the picture and as the mask."""
    for kind, data in STRANGERS.items():
        yield upload(f"{kind} as a picture", data)
        yield inpainting(f"{kind} as a mask", data)


def polyglots() -> Iterator[Hostile]:
    """Whole pictures with something behind them."""
    for kind, data in good_files().items():
        for tail in ("zip", "html", "pdf", "php"):
            yield upload(f"{kind} with {tail} behind it", data + STRANGERS[tail])
        yield upload(f"{kind} with another picture behind it", data + data)
        yield upload(f"{kind} with one byte behind it", data + b"\x01")
