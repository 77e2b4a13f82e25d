"""What becomes of uploads: type by content, limits before pixels, orientation, colour, transparency."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from app.images import read_grey, read_picture, to_png
from app.problems import Problem
from jobs.settings import Settings
from tests.app.pictures import encoded, gradient, opened

SETTINGS = Settings()


def refused(code: str, data: bytes, **settings: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        read_picture(data, SETTINGS.model_copy(update=settings))
    assert caught.value.kind.code == code, caught.value
    return caught.value


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "L", {}),
        ("PNG", "1", {}),
        ("PNG", "P", {}),
        ("GIF", "P", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(kind: str, mode: str, options: dict[str, Any]) -> None:
    data = encoded(gradient(mode=mode), kind, **options)
    picture = read_picture(data, SETTINGS)
    assert (picture.rgb.mode, picture.size_px, picture.alpha) == ("RGB", (96, 80), None)
    assert picture.format == kind.lower()
    assert picture.rgb.tobytes() == opened(data).convert("RGB").tobytes()


def test_interlaced_png_is_read() -> None:
    rows = b"".join(
        (b"\0" + b"\x80" * -(-(80 - x) // dx)) * -(-(72 - y) // dy)
        for x, y, dx, dy in [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ]
    )
    picture = read_picture(raw_png(80, 72, 8, 0, rows, interlace=1), SETTINGS)
    assert picture.rgb.getcolors() == [(80 * 72, (128, 128, 128))]


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_keep_the_high_byte(colour: int, channels: int) -> None:
    row = b"".join(struct.pack(">H", (x * 997) % 65536) for x in range(64 * channels))
    data = raw_png(64, 64, 16, colour, (b"\0" + row) * 64)
    picture = read_picture(data, SETTINGS)
    red = [(x * channels * 997) % 65536 >> 8 for x in range(64)]
    assert [picture.rgb.getpixel((x, 5))[0] for x in range(64)] == red  # type: ignore[index]  # a tuple in mode RGB
    assert (picture.alpha is None) == (colour in {0, 2})


def test_sixteen_bit_mask_keeps_the_high_byte() -> None:
    row = b"".join(struct.pack(">H", x * 1000) for x in range(64))
    grey = read_grey(raw_png(64, 64, 16, 0, (b"\0" + row) * 64), SETTINGS, None)
    assert [grey.getpixel((x, 0)) for x in range(64)] == [x * 1000 >> 8 for x in range(64)]


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP")])
def test_alpha_comes_apart_and_colour_under_it_stays(mode: str, kind: str) -> None:
    image = gradient(mode="RGB").convert(mode)
    alpha = Image.linear_gradient("L").resize(image.size)
    image.putalpha(alpha)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = read_picture(encoded(image, kind, **options), SETTINGS)
    assert picture.alpha is not None
    assert picture.alpha.tobytes() == alpha.tobytes()
    assert picture.rgb.tobytes() == gradient().convert(mode).convert("RGB").tobytes()


def test_palette_transparency_is_alpha() -> None:
    image = Image.new("P", (64, 64))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (0, 0, 32, 64))
    picture = read_picture(encoded(image, "GIF", transparency=1), SETTINGS)
    assert picture.alpha is not None
    assert (picture.alpha.getpixel((0, 0)), picture.alpha.getpixel((63, 0))) == (0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied_once(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    data = encoded(gradient(), kind, exif=exif, **options)
    picture = read_picture(data, SETTINGS)
    assert picture.rgb.tobytes() == ImageOps.exif_transpose(opened(data)).tobytes()
    assert picture.size_px == ((96, 80) if orientation < 5 else (80, 96))
    stored = opened(to_png(picture.rgb))
    assert not stored.getexif()
    assert "exif" not in stored.info


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_unreadable_exif_is_no_orientation() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0garbage")
    assert read_picture(data, SETTINGS).size_px == (96, 80)


def _swapped_profile() -> bytes:
    """A profile like sRGB with red and blue exchanged: pixels change visibly if, and only if, the profile is used."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = [128 + 4 + 12 * index for index in range(int.from_bytes(data[128:132]))]
    at = {bytes(data[entry : entry + 4]): entry for entry in entries}
    red, blue = at[b"rXYZ"], at[b"bXYZ"]
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data).replace(b"s\0R\0G\0B", b"o\0t\0h\0e").replace(b"\0s\0R\0G\0B", b"\0o\0t\0h\0e")


def test_colour_profile_is_converted_to_srgb() -> None:
    image = Image.new("RGB", (64, 64), (250, 10, 20))
    picture = read_picture(encoded(image, icc_profile=_swapped_profile()), SETTINGS)
    red, _, blue = picture.rgb.getpixel((0, 0))  # type: ignore[misc]  # a tuple in mode RGB
    assert red < 60
    assert blue > 200


def test_srgb_profile_leaves_pixels_exactly_as_they_are() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_picture(encoded(gradient(), icc_profile=profile), SETTINGS)
    assert picture.rgb.tobytes() == gradient().tobytes()


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 200])
def test_unreadable_profile_is_ignored(profile: bytes) -> None:
    assert read_picture(encoded(gradient(), icc_profile=profile), SETTINGS).rgb.tobytes() == gradient().tobytes()


def test_profile_of_another_colour_space_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert read_picture(encoded(gradient(), icc_profile=lab), SETTINGS).rgb.tobytes() == gradient().tobytes()


def test_phone_jpeg_with_declared_second_picture_is_accepted() -> None:
    buffer = io.BytesIO()
    gradient().save(buffer, "MPO", save_all=True, append_images=[gradient(64, 64)])
    data = buffer.getvalue()
    assert read_picture(data, SETTINGS).size_px == (96, 80)
    assert read_picture(data + b"\0" * 16, SETTINGS).size_px == (96, 80)
    refused("trailing_data", data + b"PK\x03\x04 a hidden archive")
    refused("image_truncated", data[:-20])


def test_undeclared_second_jpeg_is_refused() -> None:
    refused("trailing_data", encoded(gradient(), "JPEG") * 2)


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (b"II*\0", "TIFF"),
        (b"BM", "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x1cftypisom", "video"),
        (b'\xef\xbb\xbf <?xml version="1.0"?><svg>', "SVG"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"hello", "no known"),
    ],
)
def test_refusal_names_what_the_file_is(start: bytes, named: str) -> None:
    assert named in refused("unsupported_image_type", start + bytes(100)).detail


def test_limits_are_those_of_the_settings() -> None:
    data = encoded(gradient())
    refused("image_too_large", data, max_pixels=96 * 80 - 1)
    refused("file_too_large", data, max_upload_bytes=len(data) - 1)
    exactly = SETTINGS.model_copy(update={"max_pixels": 96 * 80, "max_upload_bytes": len(data)})
    assert read_picture(data, exactly).size_px == (96, 80)


@pytest.mark.parametrize("size", [(63, 64), (64, 63), (1, 1)])
def test_too_small_is_refused(size: tuple[int, int]) -> None:
    refused("image_too_small", encoded(gradient(*size)))


@pytest.mark.parametrize("size", [(64 * 32 + 1, 64), (64, 64 * 32 + 1)])
def test_too_thin_is_refused(size: tuple[int, int]) -> None:
    refused("aspect_ratio", encoded(gradient(*size)))
    read_picture(encoded(gradient(64 * 32, 64)), SETTINGS)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (64, 64), (shade, 0, 0)) for shade in (0, 90, 180)]
    refused("animated_image", encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100))


def test_flat_large_picture_is_a_bomb_only_beyond_the_free_size() -> None:
    flat = encoded(Image.new("RGB", (3500, 3500)))
    refused("decompression_bomb", flat)
    assert read_picture(encoded(Image.new("RGB", (2000, 2000))), SETTINGS).size_px == (2000, 2000)


def test_png_with_more_pixels_than_announced_is_a_bomb() -> None:
    refused("decompression_bomb", raw_png(64, 64, 8, 0, bytes(65 * 64 + 1)))


def test_png_with_fewer_pixels_than_announced_is_truncated() -> None:
    refused("image_truncated", raw_png(64, 64, 8, 0, bytes(65 * 64 - 1)))


def test_file_hidden_in_the_pixel_stream_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(65 * 64)) + b"PK\x03\x04"
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    refused("trailing_data", data)


def test_mask_transparency_counts_as_black() -> None:
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 32, 64))
    image.paste((255, 255, 255, 51), (32, 0, 48, 64))
    grey = read_grey(encoded(image), SETTINGS, (64, 64))
    assert [grey.getpixel((x, 0)) for x in (0, 40, 63)] == [255, 51, 0]


def test_large_flat_mask_is_no_bomb() -> None:
    mask = Image.new("RGBA", (3500, 3500))
    mask.paste((255, 255, 255, 255), (100, 100, 200, 200))
    assert read_grey(encoded(mask), SETTINGS, (3500, 3500)).getextrema() == (0, 255)


def test_mask_lying_on_its_side_does_not_fit() -> None:
    with pytest.raises(Problem, match="mask_size_mismatch"):
        read_grey(encoded(gradient(80, 96)), SETTINGS, (96, 80))
