"""Containers seen from outside: what each format's walk notices, byte by byte; and that nothing else ever escapes."""

from __future__ import annotations

import random
import struct
import time
import warnings
import zlib

import pytest
from PIL import Image

from app import containers
from app.images import read_grey, read_picture
from app.problems import Problem
from jobs.settings import Settings
from tests.app.hostile.bombs import slow_jpegs
from tests.app.hostile.files import chunk, good_files, png
from tests.app.pictures import encoded, gradient

PIXELS = zlib.compress(bytes((64 * 3 + 1) * 64))
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
IDAT, IEND = chunk(b"IDAT", PIXELS), chunk(b"IEND", b"")
GIF = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0)
GIF_FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 64, 64, 0) + b"\x02\x01\x00\x00"
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
SOF = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 64, 64) + b"\x01\x01\x11\x00"
SOS = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


VP8X = riff_chunk(b"VP8X", bytes(4) + b"\x3f\0\0" * 2)
VP8L = riff_chunk(b"VP8L", b"\x2f" + struct.pack("<I", 63 | 63 << 14) + bytes(3))
VP8 = riff_chunk(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 64, 64))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (SIGNATURE + IDAT + HEADER + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + HEADER + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + IDAT + chunk(b"tEXt", b"a\0b") + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + chunk(b"QuUX", b"") + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + chunk(b"a-b!", b"") + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + chunk(b"IHDR", bytes(12)) + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 3, 2, 0, 0, 0)) + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 1, 0, 0)) + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 3, 0, 0, 0)) + IDAT + IEND, "image_corrupt"),
        (SIGNATURE + HEADER + IDAT, "image_truncated"),
        (GIF + b"\x99", "image_corrupt"),
        (GIF + b";", "image_corrupt"),
        (b"GIF89a" + bytes(7), "image_corrupt"),
        (GIF + GIF_FRAME, "image_truncated"),
        (GIF + b"\x21\xf9\x04\x00", "image_truncated"),
        (GIF + GIF_FRAME[:6], "image_truncated"),
        (GIF + b"\x2c" + struct.pack("<HHHHB", 1, 0, 64, 64, 0) + b"\x02\x00;", "image_corrupt"),
        (SOI + b"\xff\xe0\x00\x02\x00\x00", "image_corrupt"),
        (SOI + SOF + EOI, "image_corrupt"),
        (SOI + SOS + EOI, "image_corrupt"),
        (SOI + SOF + SOF + SOS + EOI, "image_corrupt"),
        (SOI + SOI + SOF + SOS + EOI, "image_corrupt"),
        (SOI + b"\xff\xc3" + SOF[2:] + SOS + EOI, "image_corrupt"),
        (SOI + b"\xff\xe0\x00\x01", "image_corrupt"),
        (SOI + b"\xff\xe0\x00", "image_truncated"),
        (SOI + b"\xff\xe0\x00\xff", "image_truncated"),
        (SOI + SOF + SOS + b"pixels without an end", "image_truncated"),
        (SOI + SOF + SOS + b"\xff\xff\xff", "image_truncated"),
        (riff(VP8X), "image_corrupt"),
        (riff(riff_chunk(b"VP8X", b"short")), "image_corrupt"),
        (riff(riff_chunk(b"VP8L", b"\x2e" + bytes(7))), "image_corrupt"),
        (riff(riff_chunk(b"VP8 ", bytes(10))), "image_corrupt"),
        (riff(VP8X.replace(b"\x3f", b"\x40"), VP8L), "image_corrupt"),
        (riff(b"VP8L" + struct.pack("<I", 9999) + bytes(9)), "image_corrupt"),
        (riff(VP8L)[:-1], "image_truncated"),
        (riff(VP8L) + b"!", "trailing_data"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:4].hex(),
)
def test_broken_container_is_refused(data: bytes, code: str) -> None:
    kind = containers.sniff(data + bytes(12))
    assert kind is not None
    with pytest.raises(Problem) as caught:
        containers.inspect(kind, data)
    assert caught.value.kind.code == code, caught.value


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (SIGNATURE + HEADER + IDAT + IDAT + IEND + b"\0" * 7, 1),
        (png(64, 64, PIXELS, chunk(b"acTL", struct.pack(">II", 3, 0))), 3),
        (GIF + b"\x21\xfe\x02hi\x00" + GIF_FRAME + b";", 1),
        (GIF + GIF_FRAME + GIF_FRAME, 2),
        (SOI + b"\xff\xff\xff\xe0\x00\x02\xff\x01" + SOF + SOS + b"x\xff\x00y\xff\xd0z" + EOI, 1),
        (riff(VP8L), 1),
        (riff(VP8), 1),
        (riff(VP8X, VP8L), 1),
        (riff(VP8, VP8), 2),
    ],
    ids=lambda value: value[:4].hex() if isinstance(value, bytes) else str(value),
)
def test_sound_container_tells_size_and_frames(data: bytes, frames: int) -> None:
    kind = containers.sniff(data)
    assert kind is not None
    facts = containers.inspect(kind, data)
    assert (facts.width_px, facts.height_px, facts.frames) == (64, 64, frames)


@pytest.mark.parametrize("name", slow_jpegs(64))
def test_jpeg_that_wants_much_time_is_refused_at_once(name: str) -> None:
    data = slow_jpegs(19 * 2**20)[name]
    began_s = time.process_time()
    with pytest.raises(Problem):
        read_picture(data, Settings())
    assert time.process_time() - began_s < 0.5


def test_jpeg_may_have_some_of_everything() -> None:
    jpeg = encoded(gradient(), "JPEG")
    exif = b"\xff\xe1\x00\x0aExif\0\0ab"
    odd = jpeg[:2] + b"\xff" * 1000 + exif * 16 + b"\xff\xee\x00\x02" * 1000 + jpeg[2:]
    assert read_picture(odd, Settings()).rgb.tobytes() == read_picture(jpeg, Settings()).rgb.tobytes()


def samsung(directory: bytes, length: int) -> bytes:
    return b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1448" + directory + struct.pack("<I", length) + b"SEFT"


DIRECTORY = b"SEFH" + struct.pack("<II", 106, 1) + struct.pack("<HHII", 0, 0xA01, 26, 26)


def test_trailer_of_samsung_phones_is_left_behind() -> None:
    jpeg = encoded(gradient(), "JPEG")
    picture = read_picture(jpeg + samsung(DIRECTORY, len(DIRECTORY)), Settings())
    assert picture.rgb == read_picture(jpeg, Settings()).rgb


@pytest.mark.parametrize(
    "tail",
    [
        samsung(DIRECTORY, len(DIRECTORY)) + b"PK",
        samsung(DIRECTORY, len(DIRECTORY) + 1),
        samsung(DIRECTORY, len(DIRECTORY) + 1000),
        samsung(DIRECTORY, 2**32 - 1),
        samsung(DIRECTORY, 3),
        samsung(b"", 0),
        b"<?php ?>" + samsung(DIRECTORY, len(DIRECTORY))[:-1],
        b"SEFT",
        b"\0\0\0\0SEFT",
        b"SEFHSEFT",
    ],
    ids=range(10),
)
def test_trailer_that_is_not_samsungs_is_refused(tail: bytes) -> None:
    with pytest.raises(Problem, match="trailing_data"):
        read_picture(encoded(gradient(), "JPEG") + tail, Settings())


def test_pixels_that_cannot_be_unpacked_are_corrupt() -> None:
    with pytest.raises(Problem, match="image_corrupt"):
        read_picture(png(64, 64, b"not zlib at all"), Settings())
    with pytest.raises(Problem, match="image_corrupt"):
        read_picture(png(64, 64, zlib.compress(b"\x09" * (64 * 3 + 1) * 64)), Settings())  # filter 9 does not exist


def with_new_checksums(data: bytes) -> bytes:
    """A PNG whose damage no checksum tells of any more."""
    out, position = bytearray(data[:8]), 8
    while position + 12 <= len(data):
        stop = position + 8 + int.from_bytes(data[position : position + 4])
        body = data[position + 4 : stop]
        out += data[position:stop] + zlib.crc32(body).to_bytes(4)
        position = stop + 4
    return bytes(out) + data[position:]


def test_damaged_files_raise_problems_and_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    files = good_files() | {
        "cmyk": encoded(gradient(mode="CMYK"), "JPEG", exif=exif),
        "palette": encoded(gradient(mode="P"), exif=exif),
        "webp with metadata": encoded(gradient(mode="RGBA"), "WEBP", exif=exif, lossless=True),
    }
    chance, settings = random.Random(11), Settings(max_pixels=200_000)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        for round_number in range(600):
            damaged = bytearray(chance.choice(list(files.values())))
            for _ in range(chance.choice([1, 2, 10])):
                position = chance.randrange(min(len(damaged), chance.choice([100, 100_000])))
                damaged[position] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
            data = with_new_checksums(bytes(damaged)) if damaged[:4] == b"\x89PNG" else bytes(damaged)
            try:
                read_picture(data, settings) if round_number % 2 else read_grey(data, settings, None)
            except Problem:
                refused += 1
    assert refused > 100
