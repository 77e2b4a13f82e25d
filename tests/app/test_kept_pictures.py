"""What is kept of an upload: its pixels and nothing else, written anew or as they were sent."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from app.images import kept_png, read_picture, to_png
from app.problems import Problem
from jobs.settings import Settings
from tests.app.pictures import encoded, gradient, opened

SETTINGS = Settings()


def test_metadata_does_not_reach_the_stored_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = encoded(gradient(), "JPEG", exif=exif, comment=b"secret comment")
    assert b"secret" in data
    png = to_png(read_picture(data, SETTINGS).rgb)
    assert b"secret" not in png
    kinds = [png[position + 4 : position + 8] for position in _chunk_positions(png)]
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def test_a_png_of_plain_pixels_is_kept_as_it_was_sent_but_for_its_metadata() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "secret place")
    sent = encoded(gradient(), "PNG", pnginfo=notes, dpi=(300, 300))
    picture = read_picture(sent, SETTINGS)
    kept = kept_png(picture)
    assert kept == encoded(gradient(), "PNG")
    assert b"secret" in sent
    assert opened(kept).tobytes() == picture.rgb.tobytes() == gradient().tobytes()


def _turned() -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"exif": exif}


@pytest.mark.parametrize(
    ("picture", "options"),
    [
        (gradient().convert("L"), {}),
        (gradient().convert("RGBA"), {}),
        (gradient().convert("P"), {}),
        (gradient(), _turned()),
        (gradient(), {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}),
        (gradient(), {"transparency": (1, 2, 3)}),
    ],
    ids=["grey", "alpha", "palette", "turned", "profile", "transparent colour"],
)
def test_any_other_png_is_written_anew(picture: Image.Image, options: dict[str, Any]) -> None:
    sent = encoded(picture, "PNG", **options)
    read = read_picture(sent, SETTINGS)
    kept = kept_png(read)
    assert (read.png, opened(kept).mode) == (None, "RGB")
    assert opened(kept).tobytes() == read.rgb.tobytes()


def _chunk_positions(png: bytes) -> list[int]:
    positions, position = [], 8
    while position < len(png):
        positions.append(position)
        position += 12 + int.from_bytes(png[position : position + 4])
    return positions


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def rows(color: tuple[int, int, int], kind: int = 0) -> bytes:
    return zlib.compress((bytes([kind]) + bytes(color) * 64) * 64)


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes([0, 0, 0, 64, 0, 0, 0, 64, 8, 2, 0, 0, 0])) + b"".join(chunks)


@pytest.mark.parametrize("of_idat", [0, 9], ids=["other pixels", "no pixels"])
def test_a_frame_that_is_shown_instead_of_the_pixels_is_what_is_kept(of_idat: int) -> None:
    control = struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 1, 0, 0)
    frame = chunk(b"fcTL", control) + chunk(b"fdAT", bytes([0, 0, 0, 1]) + rows((0, 0, 255)))
    picture = read_picture(png_of(frame, chunk(b"IDAT", rows((255, 0, 0), of_idat)), chunk(b"IEND", b"")), SETTINGS)
    assert opened(kept_png(picture)).tobytes() == picture.rgb.tobytes()


@pytest.mark.parametrize("last", [chunk(b"IEND", b"secret place"), chunk(b"acTL", bytes(9)) + chunk(b"IEND", b"")])
def test_chunks_of_a_wrong_length_are_refused(last: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_picture(png_of(chunk(b"IDAT", rows((1, 2, 3))), last), SETTINGS)
    assert caught.value.kind.code == "image_corrupt"
