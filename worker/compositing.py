"""The painted window back into the picture: exact where it is known, feathered into the hole only."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter

from worker.geometry import Placement
from worker.images import not_kept


@dataclass(frozen=True, eq=False)
class Upload:
    """A picture and its mask, in full resolution and of one size."""

    picture: Image.Image
    mask: Image.Image


def composite(
    upload: Upload, painted: Image.Image, fill: Image.Image, placement: Placement, feather_px: int
) -> Image.Image:
    """The upload with its hole painted; all pixels with mask 0 are those of the upload, bit for bit.

    `painted` and `fill` have the window's size. Along the hole's border, over `feather_px` pixels and on the hole's
    side only, the painted pixels fade in from `fill`, the known border carried on: what stood in the hole before
    never shows through. Grey mask values mix the painted pixels with the upload in that strength.
    """
    corners = placement.window.corners
    mask = upload.mask.crop(corners)
    if feather_px > 0:
        painted = Image.composite(painted, fill, fade_in(mask, feather_px))
    result = upload.picture.copy()
    result.paste(painted, (placement.window.left, placement.window.top), mask)
    return result


def fade_in(mask: Image.Image, feather_px: int) -> Image.Image:
    """`L`: 0 at the border of what is known, 255 from about `feather_px` pixels inside the hole on.

    Twice the share of known pixels in a box around a pixel falls from 1 to 0 over the box's half width.
    """
    near = ImageChops.invert(not_kept(mask)).filter(ImageFilter.BoxBlur(feather_px))
    return ImageChops.invert(ImageChops.add(near, near))


def replace_window(upload: Upload, painted: Image.Image, placement: Placement) -> Image.Image:
    """The upload with the whole window as the network painted it, known pixels too (`preserve_known` off)."""
    result = upload.picture.copy()
    result.paste(painted, (placement.window.left, placement.window.top))
    return result
