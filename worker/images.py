"""Bytes, pictures and masks. Pictures are Pillow `RGB`; masks are Pillow `L`, where 255 is painted anew and 0 kept."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError

from jobs.spec import OutputSpec
from worker.errors import InputUnreadable
from worker.geometry import Box

CONTENT_TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


@dataclass(frozen=True)
class EncodedPicture:
    """A picture as a file."""

    data: bytes
    content_type: str
    width_px: int
    height_px: int

    def opened(self) -> Image.Image:
        """The file read again, as `RGB`."""
        with Image.open(io.BytesIO(self.data)) as written:
            return written.convert("RGB")


def read(data: bytes, mode: str, *, max_pixels: int) -> Image.Image:
    """Decode a PNG that the API has normalised, into `RGB` or `L`.

    Raises:
        InputUnreadable: the bytes are no PNG, or larger than the API would have accepted.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit; ours is checked below, before a pixel is unpacked
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > max_pixels:
                raise InputUnreadable(f"{image.width}x{image.height} pixels are more than {max_pixels}")
            return image.convert(mode)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InputUnreadable("the stored picture cannot be decoded") from error


def side_mask(width_px: int, height_px: int, keep: str, fraction: float) -> Image.Image:
    """The mask of `complete`: the side `keep` is kept up to `fraction` of the picture, rounded to whole pixels."""
    kept_width, kept_height = round(width_px * fraction), round(height_px * fraction)
    corners = {
        "left": (0, 0, kept_width, height_px),
        "right": (width_px - kept_width, 0, width_px, height_px),
        "top": (0, 0, width_px, kept_height),
        "bottom": (0, height_px - kept_height, width_px, height_px),
    }[keep]
    mask = Image.new("L", (width_px, height_px), 255)
    mask.paste(0, corners)
    return mask


def hole_box(mask: Image.Image) -> Box:
    """The smallest box that holds every pixel that is not wholly kept.

    Raises:
        InputUnreadable: nothing is painted; the API refuses such masks.
    """
    corners = mask.getbbox()
    if corners is None:
        raise InputUnreadable("the mask keeps every pixel")
    left, top, right, bottom = corners
    return Box(left, top, right - left, bottom - top)


def encode(picture: Image.Image, output: OutputSpec) -> EncodedPicture:
    """Write a picture in the format that was asked for, without any metadata."""
    buffer = io.BytesIO()
    match output.format:
        case "png":
            picture.save(buffer, "PNG", compress_level=4)
        case "webp":
            picture.save(buffer, "WEBP", quality=output.quality, method=4)
        case "jpeg":
            picture.save(buffer, "JPEG", quality=output.quality, optimize=True)
    return EncodedPicture(buffer.getvalue(), CONTENT_TYPES[output.format], picture.width, picture.height)


def known_max_abs_diff(picture: Image.Image, encoded: EncodedPicture, mask: Image.Image) -> int:
    """Largest difference, 0 to 255, between the upload and the written file where the mask is 0."""
    difference = ImageChops.difference(picture, encoded.opened())
    difference.paste((0, 0, 0), (0, 0), not_kept(mask))
    return int(np.asarray(difference).max(initial=0))


def not_kept(mask: Image.Image) -> Image.Image:
    """`L`: 0 where a pixel is wholly kept, 255 elsewhere, also where it is painted in part."""
    return mask.point([0] + [255] * 255)
