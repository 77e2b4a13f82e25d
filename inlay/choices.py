"""Words that options choose from, as the service spells them."""

from __future__ import annotations

from enum import StrEnum


class KeptSide(StrEnum):
    """The side of the picture that is known."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


class Format(StrEnum):
    """File format of results."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"


FORMATS = {".png": Format.PNG, ".webp": Format.WEBP, ".jpg": Format.JPEG, ".jpeg": Format.JPEG}
"""What the ending of a file's name says."""


class MaskPolarity(StrEnum):
    """What white means in a mask."""

    WHITE_REPAINTS = "white_repaints"
    TRANSPARENT_REPAINTS = "transparent_repaints"
    KEEP_WHITE = "keep_white"


class Kernel(StrEnum):
    """Shape of a blur."""

    GAUSSIAN = "gaussian"
    MOTION = "motion"


class Solver(StrEnum):
    """How the constraint is met."""

    DEFAULT = "default"
    NEWTON = "newton"


class SceneKind(StrEnum):
    """What a mirror-symmetric scene of the demo shows: only there one half says what the other is."""

    BUTTERFLY = "butterfly"
    FACE = "face"
    HOUSE = "house"
    VASE = "vase"
    RING = "ring"
    FLAG = "flag"
    FLOWER = "flower"
    TREE = "tree"
    MUSHROOM = "mushroom"


class Priority(StrEnum):
    """Whether a job goes before the caller's others."""

    NORMAL = "normal"
    HIGH = "high"


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
