"""What can be said about an uploaded file, and against it, before any of its pixels is unpacked."""

from app import containers, problem_types
from app.problems import Problem
from jobs.settings import Settings

MIN_SIDE_PX = 64
LONGEST_SHAPE = 32
"""Longer side over shorter side: beyond it, nothing of a picture would be left at the size of the network."""
BOMB_FREE_BYTES = 32 * 2**20
"""Pictures that unpack to less than this are harmless, however well they are packed."""


def size_mismatch(mask_px: tuple[int, int], picture_px: tuple[int, int]) -> Problem:
    """The mask does not lie on the picture."""
    sizes = "The mask has {}x{} pixels, the picture {}x{}.".format(*mask_px, *picture_px)
    return Problem(problem_types.MASK_SIZE_MISMATCH, sizes)


def check_file(data: bytes, settings: Settings) -> tuple[str, containers.Facts]:
    """The file's format and facts, if its container is whole and within the limits; no pixel is unpacked.

    Raises:
        Problem: the file is refused.
    """
    if not data:
        raise Problem(problem_types.FILE_EMPTY, "The file has no bytes.")
    if len(data) > settings.max_upload_bytes:
        limit = settings.max_upload_bytes
        raise Problem(problem_types.FILE_TOO_LARGE, f"The file has {len(data)} bytes, {limit} are allowed.")
    format_name = containers.sniff(data)
    if format_name is None:
        kind = containers.foreign_kind(data)
        raise Problem(problem_types.UNSUPPORTED_IMAGE_TYPE, f"The file is {kind}; send PNG, JPEG, WebP or GIF.")
    facts = containers.inspect(format_name, data)
    if facts.width_px * facts.height_px > settings.max_pixels:
        detail = f"{facts.width_px}x{facts.height_px} is more than the {settings.max_pixels} pixels allowed."
        raise Problem(problem_types.IMAGE_TOO_LARGE, detail)
    if facts.frames > 1:
        raise Problem(problem_types.ANIMATED_IMAGE, "The picture has more than one frame.")
    return format_name, facts


def check_picture(facts: containers.Facts, size_bytes: int, settings: Settings, min_side_px: int) -> None:
    """Raises Problem if a picture (not a mask) is too small or too thin to work on, or packed as no photograph is."""
    if min(facts.width_px, facts.height_px) < min_side_px:
        size = f"{facts.width_px}x{facts.height_px}"
        detail = f"{size} is too small: each side needs at least {min_side_px} pixels for this task."
        raise Problem(problem_types.IMAGE_TOO_SMALL, detail)
    if max(facts.width_px, facts.height_px) > LONGEST_SHAPE * min(facts.width_px, facts.height_px):
        detail = f"{facts.width_px}x{facts.height_px} is longer than {LONGEST_SHAPE}:1."
        raise Problem(problem_types.ASPECT_RATIO, detail)
    if facts.raw_bytes > max(BOMB_FREE_BYTES, settings.max_decompression_ratio * size_bytes):
        ratio = facts.raw_bytes // size_bytes
        raise Problem(problem_types.DECOMPRESSION_BOMB, f"The picture unpacks to {ratio} times the file's size.")
