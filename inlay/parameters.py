"""What each task takes, as types; the service's own defaults hold for what is left out."""

from __future__ import annotations

from typing import Literal, TypedDict

Side = Literal["left", "right", "top", "bottom"]


class Output(TypedDict, total=False):
    """How results are encoded: `format`, and `quality` 1–100 for webp and jpeg."""

    format: Literal["png", "webp", "jpeg"]
    quality: int


class Parameters(TypedDict, total=False):
    """Parameters that every task takes."""

    prompt: str
    negative_prompt: str
    guidance_scale: float
    steps: int
    solver: Literal["default", "newton"]
    inner_steps: int
    seed: int
    n: int
    model: str
    output: Output
    priority: Literal["normal", "high"]
    deadline_s: float
    webhook_url: str
    metadata: dict[str, str]
    idempotency_key: str  # not for the sampling: the same submission under the same key is the same job


class SeamParameters(Parameters, total=False):
    """Parameters of the tasks that keep pixels of a picture: what happens where they meet the drawn ones."""

    preserve_known: bool
    mask_feather_px: int


class InpaintParameters(SeamParameters, total=False):
    """Parameters of `inpaint`: how its mask file is meant."""

    mask_polarity: Literal["white_repaints", "keep_white", "transparent_repaints"]
    mask_resize: bool


class DrawnParameters(Parameters, total=False):
    """Parameters of the tasks that start from no picture, and so have no size yet; without one, the model's own."""

    width_px: int
    height_px: int
