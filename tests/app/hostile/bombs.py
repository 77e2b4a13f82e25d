"""Small files that want much memory or time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.app.hostile.files import chunk, packed_zeros, png
from tests.app.hostile.requests import Hostile, upload
from tests.app.pictures import encoded, gradient, picture_png


def bombs() -> Iterator[Hostile]:
    """Small files that want much memory or time."""
    whole = zlib.compress(bytes((64 * 3 + 1) * 64))
    for width, height in [
        (100_000, 100_000),
        (2**31 - 1, 2**31 - 1),
        (2**31 - 1, 64),
        (65535, 65535),
        (0, 0),
        (2**32 - 1, 1),
    ]:
        yield upload(f"png of {width}x{height}", png(width, height, whole))
    yield upload("png whose pixels unpack to 64 MB", png(64, 64, packed_zeros(64 * 2**20)))
    yield upload("flat png of 6000x6000", png(6000, 6000, packed_zeros(108 * 2**20)))
    yield upload("png with a text of 64 MB", png(64, 64, whole, chunk(b"zTXt", b"a\0\0" + packed_zeros(64 * 2**20))))
    yield upload("png of a hundred thousand chunks", png(64, 64, whole, chunk(b"tEXt", b"a\0b") * 110_000))
    yield upload("apng of 2**31 frames", png(64, 64, whole, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))))
    gif = bytearray(encoded(gradient(), "GIF"))
    frame = bytes(gif[gif.index(b"\x2c", 13 + 768) : -1])
    yield upload("gif of 100 frames", bytes(gif[:-1]) + frame * 99 + b";")
    small = bytes([0x2C, 0, 0, 0, 0, 64, 0, 64, 0, 0, 2, 1, 0, 0])
    yield upload("gif of 50000 frames", bytes(gif[:-1]) + small * 50_000 + b";")
    yield upload("gif of 65535x65535", bytes(gif[:6]) + b"\xff\xff\xff\xff" + bytes(gif[10:]))
    jpeg = encoded(gradient(), "JPEG", progressive=True)
    header = jpeg.index(b"\xff\xc2")
    yield upload("jpeg of 65535x65535", jpeg[: header + 5] + b"\xff\xff\xff\xff" + jpeg[header + 9 :])
    yield upload("jpeg of 0x0", jpeg[: header + 5] + bytes(4) + jpeg[header + 9 :])
    scan = jpeg[jpeg.index(b"\xff\xda") : jpeg.index(b"\xff\xda") + 60]
    yield upload("jpeg of 5000 scans", jpeg[:-2] + (scan[:14] + b"\0") * 5000 + jpeg[-2:])
    yield from (upload(name, data) for name, data in slow_jpegs(2**20).items())
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6
    yield upload("webp with a canvas of 2**24", b"RIFF" + struct.pack("<I", len(webp)) + webp)
    frames = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\x3f\0\0" * 2 + (b"ANMF" + bytes(4)) * 20_000
    yield upload("webp of 20000 frames", b"RIFF" + struct.pack("<I", len(frames)) + frames)
    yield upload("more bytes than a file may have", picture_png() + bytes(3 * 2**20))


def slow_jpegs(size: int) -> dict[str, bytes]:
    """JPEGs of about `size` bytes that make a careless reader work long before the first pixel."""
    jpeg = encoded(gradient(), "JPEG")
    head, rest = jpeg[:2], jpeg[2:]
    exif = b"\xff\xe1\x00\x0aExif\0\0ab"
    long_exif = b"\xff\xe1\xff\xffExif\0\0" + bytes(0xFFFF - 8)
    index = b"\xff\xe2\x00\x06MPF\0"
    slow = {
        "empty segments": head + b"\xff\xee\x00\x02" * (size // 4) + rest,
        "exif segments": head + exif * (size // len(exif)) + rest,
        "long exif segments": head + long_exif * max(17, size // len(long_exif)) + rest,
        "fill bytes": head + b"\xff" * size + rest,
        "restart markers": head + b"\xff\xd0" * (size // 2) + rest,
        "restart markers after the pixels": jpeg[:-2] + b"\xff\x01" + b"\xff\xd0" * (size // 2) + jpeg[-2:],
        "appended pictures": head + index + rest + jpeg * (size // len(jpeg)) + b"!",
    }
    return {f"jpeg full of {what}": data for what, data in slow.items()}
