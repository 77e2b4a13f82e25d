"""What is kept of an upload: its pixels and nothing else, written anew or as they were sent."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from app.images import kept_png, read_picture, to_png
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
