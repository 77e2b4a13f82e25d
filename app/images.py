"""Uploaded bytes to pixels, with every limit checked before memory is spent on pixels.

The picture that leaves here is what the whole service works on: upright, sRGB, 8 bits, free of metadata.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageChops, ImageCms

from app import problem_types
from app.containers.png import bare, verify_pixels
from app.file_checks import MIN_SIDE_PX, check_file, check_picture, size_mismatch
from app.problems import Problem
from jobs.settings import Settings

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AssertionError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise on damaged files."""
_SIXTEEN_BIT_GREY = "I;16"
_SRGB_NAMES = ("sRGB", "c2")
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """An upload, understood: `rgb` (mode RGB, sRGB) and `alpha` (mode L, None if the file has no transparency).

    `png` are the file's own bytes where they hold just `rgb` and nothing else; None where it must be written anew.
    """

    rgb: Image.Image
    alpha: Image.Image | None
    format: str
    png: bytes | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.size


_Turn = Callable[[Image.Image], Image.Image]


def read_picture(data: bytes, settings: Settings, min_side_px: int = MIN_SIDE_PX) -> Picture:
    """Decodes a picture, each side of which has at least `min_side_px` pixels.

    Raises:
        Problem: the bytes are not an acceptable picture; the code says why.
    """
    format_name, facts = check_file(data, settings)
    check_picture(facts, len(data), settings, min_side_px)
    image, upright = _decode(data, format_name)
    try:
        rgb, alpha = _split_alpha(image)
        turned = upright(rgb)
        as_sent = format_name == "png" and alpha is None and turned is rgb and "icc_profile" not in image.info
        png = bare(data) if as_sent else None
        if png is None:
            turned.load()
        return Picture(turned, upright(alpha) if alpha is not None else None, format_name, png)
    except _BROKEN as error:
        raise _damaged(format_name) from error


def read_grey(
    data: bytes, settings: Settings, size_px: tuple[int, int] | None, *, transparency: bool = False
) -> Image.Image:
    """Decodes a mask: mode L, 0 to 255, upright. Colour profiles do not apply; transparency counts as black.

    With `transparency` it is read how transparent the pixels are instead, whatever their colours.

    With `size_px` it must have that size, which is seen before it is unpacked. Masks may be packed as well as they
    like: flat areas are their nature, and `max_pixels` bounds what they unpack to.

    Raises:
        Problem: the bytes are not an acceptable mask; the code says why.
    """
    format_name, facts = check_file(data, settings)
    if size_px is not None and sorted(size_px) != sorted((facts.width_px, facts.height_px)):
        raise size_mismatch((facts.width_px, facts.height_px), size_px)
    image, upright = _decode(data, format_name)
    try:
        grey = upright(_transparency(image) if transparency else _grey(image))
    except _BROKEN as error:
        raise _damaged(format_name) from error
    if size_px is not None and grey.size != size_px:
        raise size_mismatch(grey.size, size_px)
    return grey


def _decode(data: bytes, format_name: str) -> tuple[Image.Image, _Turn]:
    """The picture as the file holds it, and what turns it upright. Its pixels are unpacked by now, or sure to be sound.

    So a file that is kept as it was sent is unpacked once, and its pixels are never made.
    """
    sound = format_name == "png" and verify_pixels(data)
    try:
        # A JPEG with a Multi-Picture segment opens as MPO; the first picture is the one.
        formats = ["JPEG", "MPO"] if format_name == "jpeg" else [format_name.upper()]
        image = Image.open(io.BytesIO(data), formats=formats)
        if not sound:
            image.load()
    except _BROKEN as error:
        raise _damaged(format_name) from error
    transposition = _TRANSPOSITIONS.get(_orientation(image))

    def upright(part: Image.Image) -> Image.Image:
        return part.transpose(transposition) if transposition is not None else part

    return image, upright


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; an unreadable one is 1, as in browsers. XMP is not asked, as in browsers."""
    raw = image.info.get("exif")
    if not isinstance(raw, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(raw)
        value = exif.get(ExifTags.Base.Orientation, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) else 1


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in sRGB, and transparency; the colour under transparent pixels stays what the file says."""
    if image.mode == _SIXTEEN_BIT_GREY:
        return _to_srgb(_high_byte(image), image.info.get("icc_profile")), None
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colour = image
    if image.mode in {"P", "PA", "1", "RGBA", "RGBX", "RGBa", "YCbCr"}:
        colour = image.convert("RGBA").convert("RGB") if alpha is not None else image.convert("RGB")
    elif image.mode in {"LA", "La"}:
        colour = image.convert("LA").getchannel("L")
    return _to_srgb(colour, image.info.get("icc_profile")), alpha


def _grey(image: Image.Image) -> Image.Image:
    if image.mode == _SIXTEEN_BIT_GREY:
        return _high_byte(image)
    if not image.has_transparency_data:
        return image.convert("L")
    grey, alpha = image.convert("RGBA").convert("LA").split()
    return Image.composite(grey, Image.new("L", grey.size, 0), alpha)


def _transparency(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return Image.new("L", image.size, 0)
    return ImageChops.invert(image.convert("RGBA").getchannel("A"))


def _high_byte(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits by dropping the low byte, as Pillow's decoder does for 16-bit colour."""
    return image.point(lambda level: level * (1 / 256)).convert("L")  # `point` leaves 16 bits 16 bits, unasked


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    """Mode RGB in sRGB. An embedded profile that does not fit or cannot be read is ignored, as in browsers."""
    if not isinstance(profile, bytes) or not profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith(_SRGB_NAMES):
            return image.convert("RGB")  # not by way of the profile: the pixels must come back as they were sent
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *_BROKEN):
        return image.convert("RGB")
    return image.convert("RGB") if converted is None else converted


def _damaged(format_name: str) -> Problem:
    return Problem(problem_types.IMAGE_CORRUPT, f"The pixels of this {format_name.upper()} cannot be decoded.")


def kept_png(picture: Picture) -> bytes:
    """The picture as it is kept: `to_png`, unless the upload was as good, which saves most of a submission's work."""
    return to_png(picture.rgb) if picture.png is None else picture.png


def to_png(image: Image.Image) -> bytes:
    """Lossless and fast, with nothing but pixels in it."""
    buffer = io.BytesIO()
    blank = Image.new(image.mode, image.size)
    blank.paste(image)
    blank.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
