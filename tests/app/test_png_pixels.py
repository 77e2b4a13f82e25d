"""A PNG whose pixels are vouched for is not decoded when it is sent: whatever is vouched for, a decoder can decode."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from app import containers
from app.containers.png import verify_pixels
from app.images import kept_png, read_grey, read_picture
from app.problems import Problem
from jobs.settings import Settings
from tests.app.hostile import mutations
from tests.app.hostile.files import chunk
from tests.app.pictures import encoded, gradient, opened

SETTINGS = Settings()
SIDE = 64
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)]
KINDS += [(4, 8), (4, 16), (6, 8), (6, 16)]
"""Colour and depth of all pixels that PNG knows."""
END = chunk(b"IEND", b"")
BEFORE = {
    "no more": b"",
    "a note": chunk(b"tEXt", b"a\0b"),
    "a colour that is clear": chunk(b"tRNS", bytes(6)),
    "a profile that is none": chunk(b"iCCP", b"a\0\0none"),
    "EXIF that is none": chunk(b"eXIf", b"none"),
}


def header(colour: int = 2, depth: int = 8, side: int = SIDE, interlaced: int = 0) -> bytes:
    fields = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(3 * min(2**depth, 85)))) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", fields) + palette


def rows(filters: list[int], colour: int = 2, depth: int = 8) -> bytes:
    noise, length = random.Random(5), -(-len(filters) * CHANNELS[colour] * depth // 8)
    return b"".join(bytes([one]) + noise.randbytes(length) for one in filters)


def in_chunks(packed: bytes, size: int = 1000) -> bytes:
    """IDAT chunks, every other one empty."""
    parts = (packed[start : start + size] for start in range(0, len(packed), size))
    return b"".join(chunk(b"IDAT", part) + chunk(b"IDAT", b"") for part in parts)


def any_filters(side: int = SIDE) -> list[int]:
    return [row % 5 for row in range(side)]


@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_whole_pixels_of_every_kind_are_read_and_those_that_are_kept_as_sent_are_vouched_for(
    colour: int, depth: int
) -> None:
    data = header(colour, depth) + in_chunks(zlib.compress(rows(any_filters(), colour, depth))) + END
    assert verify_pixels(data) == ((colour, depth) == (2, 8))
    assert opened(data).size == (SIDE, SIDE)
    kept = opened(kept_png(read_picture(data, SETTINGS)))
    assert (kept.mode, kept.size) == ("RGB", (SIDE, SIDE))
    assert read_grey(data, SETTINGS, (SIDE, SIDE)).mode == "L"


@pytest.mark.parametrize("name", BEFORE)
def test_what_stands_before_the_pixels_does_not_matter(name: str) -> None:
    data = header() + BEFORE[name] + in_chunks(zlib.compress(rows(any_filters()))) + END
    assert verify_pixels(data)
    picture = read_picture(data, SETTINGS)
    assert opened(kept_png(picture)).tobytes() == picture.rgb.tobytes() == opened(data).convert("RGB").tobytes()


@pytest.mark.parametrize("row", [0, 300, 699])
def test_row_with_a_filter_that_there_is_not_is_refused_wherever_it_is(row: int) -> None:
    """The pixels are unpacked in more pieces than one, whose ends are not the ends of rows."""
    filters = any_filters(700)
    filters[row] = 5
    data = header(side=700) + in_chunks(zlib.compress(rows(filters), 1), 2**17) + END
    assert not verify_pixels(data)
    for read in (read_picture, lambda sent, settings: read_grey(sent, settings, None)):
        with pytest.raises(Problem, match="image_corrupt"):
            read(data, SETTINGS)
    filters[row] = 4
    assert verify_pixels(header(side=700) + in_chunks(zlib.compress(rows(filters), 1), 2**17) + END)


PIXELS = zlib.compress(rows(any_filters()))
FRAME = struct.pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 1, 0, 0)
NOT_VOUCHED = {
    "a note after the pixels": header() + in_chunks(PIXELS) + chunk(b"tEXt", b"a\0b") + END,
    "EXIF after the pixels": header() + in_chunks(PIXELS) + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0") + END,
    "frames announced": header() + chunk(b"acTL", struct.pack(">II", 1, 0)) + in_chunks(PIXELS) + END,
    "a frame's control": header() + chunk(b"fcTL", FRAME) + in_chunks(PIXELS) + END,
    "a frame in the pixels' place": header() + chunk(b"fdAT", b"none") + in_chunks(PIXELS) + END,
}


@pytest.mark.parametrize("name", NOT_VOUCHED)
def test_file_that_decoders_read_further_is_left_to_them(name: str) -> None:
    assert not verify_pixels(NOT_VOUCHED[name])


def test_interlaced_pixels_are_left_to_the_decoder() -> None:
    passes = ((8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32))
    sound = b"".join((b"\0" + bytes(3 * columns)) * lines for columns, lines in passes)
    data = header(interlaced=1) + in_chunks(zlib.compress(sound)) + END
    assert not verify_pixels(data)
    assert read_picture(data, SETTINGS).png is None
    broken = header(interlaced=1) + in_chunks(zlib.compress(sound[:-193] + b"\x05" + sound[-192:])) + END
    with pytest.raises(Problem, match="image_corrupt"):
        read_picture(broken, SETTINGS)


BROKEN = {
    "the stream is cut": in_chunks(PIXELS[:-200]),
    "the stream's checksum is cut": in_chunks(PIXELS[:-4]),
    "the stream's checksum is wrong": in_chunks(PIXELS[:-1] + b"\0"),
    "a row is missing": in_chunks(zlib.compress(rows(any_filters())[: -3 * SIDE - 1])),
    "a byte is missing": in_chunks(zlib.compress(rows(any_filters())[:-1])),
    "a byte is too many": in_chunks(zlib.compress(rows(any_filters()) + b"\0")),
    "something follows the stream": in_chunks(PIXELS + b"more"),
    "a chunk stands between the pixels": chunk(b"IDAT", PIXELS[:500])
    + chunk(b"tEXt", b"a\0b")
    + chunk(b"IDAT", PIXELS[500:]),
    "a chunk's checksum is wrong": chunk(b"IDAT", PIXELS)[:-1] + b"\0",
    "no pixels": chunk(b"IDAT", b""),
}


def test_palette_of_an_impossible_size_is_refused() -> None:
    packed = in_chunks(zlib.compress(rows(any_filters(), 3)))
    data = header(3).replace(chunk(b"PLTE", bytes(range(255))), chunk(b"PLTE", bytes(771))) + packed + END
    for read in (read_picture, lambda sent, settings: read_grey(sent, settings, None)):
        with pytest.raises(Problem, match="image_corrupt"):
            read(data, SETTINGS)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pixels_are_refused(name: str) -> None:
    data = header() + BROKEN[name] + END
    for read in (read_picture, lambda sent, settings: read_grey(sent, settings, None)):
        with pytest.raises(Problem, match=r"image_corrupt|image_truncated|decompression_bomb|trailing_data"):
            read(data, SETTINGS)


def damaged(seed: int, many: int) -> Iterator[bytes]:
    """PNGs of all kinds with damage that mostly no checksum tells of."""
    chance = random.Random(seed)
    files = [data for name, data in mutations.whole_files().items() if data.startswith(b"\x89PNG")]
    files += [header(*kind) + in_chunks(zlib.compress(rows(any_filters(), *kind))) + END for kind in KINDS]
    damages: list[Callable[[random.Random, bytes], bytes]] = [
        mutations.resealed_chunk,
        mutations.shuffled_chunks,
        repacked,
        repacked,
    ]
    for _ in range(many):
        data = chance.choice(files)
        for _ in range(chance.choice((1, 1, 2))):
            data = chance.choice(damages)(chance, data)
        yield data


def repacked(chance: random.Random, data: bytes) -> bytes:
    """Damage to the filtered rows themselves, which are then packed again."""
    image = gradient(mode=chance.choice(("RGB", "L", "P", "LA", "RGBA", "1")))
    whole = encoded(image)
    start = whole.index(b"IDAT") + 4
    stop = start + int.from_bytes(whole[start - 8 : start - 4])
    pixels = bytearray(zlib.decompress(whole[start:stop]))
    for _ in range(chance.choice((0, 1, 3))):
        pixels[chance.randrange(len(pixels))] = chance.choice((0, 4, 5, 255))
    return whole[: start - 8] + chunk(b"IDAT", zlib.compress(bytes(pixels))) + whole[stop + 4 :]


def head_of(data: bytes) -> Image.Image | None:
    """The picture before its pixels are decoded; None if it fails already."""
    try:
        return Image.open(io.BytesIO(data), formats=["PNG"])
    except (OSError, SyntaxError, ValueError, IndexError, struct.error):
        return None


def vouched(data: bytes) -> bool | None:
    """None if the file is refused before."""
    try:
        containers.inspect("png", data)
        return verify_pixels(data)
    except Problem:
        return None


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_that_are_vouched_for_fail_in_their_head_or_not_at_all(seed: int) -> None:
    counts = {True: 0, False: 0, None: 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        for data in damaged(seed, 400):
            claim = vouched(data)
            counts[claim] += 1
            if claim and (image := head_of(data)) is not None:
                image.load()
    assert min(counts.values()) > 20


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_kept_of_a_damaged_file_can_be_decoded_and_is_what_it_was_read_as(seed: int) -> None:
    kept = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in damaged(seed + 100, 300):
            try:
                picture = read_picture(data, SETTINGS)
            except Problem:
                continue
            kept += 1
            assert opened(kept_png(picture)).tobytes() == picture.rgb.tobytes()
    assert kept > 20
