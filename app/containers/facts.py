"""What the walk through a container finds out, and the problems all formats share."""

from dataclasses import dataclass

from app import problem_types
from app.problems import Problem


@dataclass(frozen=True)
class Facts:
    """A picture's outside: size in pixels, number of frames, unpacked size of its pixels, where it ends in the file."""

    width_px: int
    height_px: int
    frames: int
    raw_bytes: int
    end: int


def truncated(what: str) -> Problem:
    """The file ends inside `what`."""
    return Problem(problem_types.IMAGE_TRUNCATED, f"The file ends inside {what}.")


def corrupt(what: str) -> Problem:
    """The file contradicts its own format."""
    return Problem(problem_types.IMAGE_CORRUPT, f"The file is damaged: {what}.")


def refuse_trailing(data: bytes, end: int) -> None:
    """Raises Problem if anything but zero padding follows the picture."""
    extra = len(data) - end
    if extra > 0 and data.count(0, end) != extra:
        raise Problem(problem_types.TRAILING_DATA, f"{extra} bytes follow the picture's end.")
