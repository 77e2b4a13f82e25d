"""Which files each task takes, by form field."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskFiles:
    """Fields of the files that a task needs, and of those that it may be given besides."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_ONE_PICTURE = TaskFiles(("image",))
TASK_FILES: dict[str, TaskFiles] = {
    "complete": _ONE_PICTURE,
    "inpaint": TaskFiles(("image",), ("mask",)),
    "outpaint": _ONE_PICTURE,
    "upscale": _ONE_PICTURE,
    "colorize": _ONE_PICTURE,
    "deblur": _ONE_PICTURE,
    "style": TaskFiles(("reference",)),
    "generate": TaskFiles(),
}
FILE_FIELDS = ("image", "mask", "reference")
MOST_FILES = max(len(files.required + files.optional) for files in TASK_FILES.values())
"""That one request may have."""


def url_field(name: str) -> str:
    """The field that has a file's URL in its place."""
    return f"{name}_url"
