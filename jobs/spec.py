"""What a client may ask for: one model per task, joined on `task`. Shared by HTTP and the worker."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from jobs.parameters import CommonSpec, OutputSpec, PicturedSpec

__all__ = [
    "FACTORS",
    "JOB_SPEC",
    "MARGINS",
    "TASKS",
    "AnySpec",
    "ColorizeSpec",
    "CommonSpec",
    "CompleteSpec",
    "DeblurSpec",
    "GenerateSpec",
    "InpaintSpec",
    "JobSpec",
    "OutpaintSpec",
    "OutputSpec",
    "PicturedSpec",
    "StyleSpec",
    "UpscaleSpec",
]

FACTORS = (2, 4, 8)
MARGINS = ("left_px", "right_px", "top_px", "bottom_px")


class CompleteSpec(PicturedSpec):
    """Keep one side of the picture and paint the rest."""

    task: Literal["complete"] = "complete"
    keep: Literal["left", "right", "top", "bottom"] = Field("left", description="The side that is kept.")
    fraction: float = Field(0.5, ge=0.1, le=0.9, description="How much of the picture is kept, 0.1 to 0.9.")


class InpaintSpec(PicturedSpec):
    """Paint the hole that a mask describes."""

    task: Literal["inpaint"] = "inpaint"
    mask_polarity: Literal["white_repaints", "keep_white", "transparent_repaints"] = Field(
        "white_repaints",
        description="What of the mask file is painted anew: white (default), black, or what is transparent.",
    )
    mask_resize: bool = Field(False, description="Resize a mask of another size instead of refusing it.")


class OutpaintSpec(PicturedSpec):
    """Paint beyond the picture's borders."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [side], "properties": {side: {"minimum": 1}}} for side in MARGINS]  # one side grows
        }
    )

    task: Literal["outpaint"] = "outpaint"
    left_px: int = Field(0, ge=0, le=2048, description="Pixels to add on the left.")
    right_px: int = Field(0, ge=0, le=2048, description="Pixels to add on the right.")
    top_px: int = Field(0, ge=0, le=2048, description="Pixels to add at the top.")
    bottom_px: int = Field(
        0, ge=0, le=2048, validate_default=True, description="Pixels to add at the bottom; one side must be above 0."
    )

    @field_validator("bottom_px")
    @classmethod
    def _some_side_grows(cls, bottom_px: int, info: ValidationInfo) -> int:
        others = MARGINS[:-1]
        if not bottom_px and all(side in info.data for side in others) and not any(info.data[side] for side in others):
            raise ValueError(f"or one of {', '.join(others)} must be above 0")
        return bottom_px


class UpscaleSpec(CommonSpec):
    """Enlarge a picture by a whole factor; made smaller again, the result is the upload."""

    task: Literal["upscale"] = "upscale"
    factor: int = Field(
        2, json_schema_extra={"enum": list(FACTORS)}, description="How many times larger each side gets: 2, 4 or 8."
    )

    @field_validator("factor")
    @classmethod
    def _known_factor(cls, factor: int) -> int:
        if factor not in FACTORS:
            raise ValueError("must be 2, 4 or 8")
        return factor


class ColorizeSpec(CommonSpec):
    """Paint the colours of a picture whose luminance is known."""

    task: Literal["colorize"] = "colorize"


_GAUSSIAN: dict[str, JsonValue] = {
    "properties": {
        "kernel": {"const": "gaussian"},
        "sigma_px": {"type": "number"},
        "length_px": {"type": "null"},
        "angle_deg": {"const": 0},
    },
    "required": ["sigma_px"],
}
_MOTION: dict[str, JsonValue] = {
    "properties": {"kernel": {"const": "motion"}, "length_px": {"type": "number"}, "sigma_px": {"type": "null"}},
    "required": ["kernel", "length_px"],
}
"""What `DeblurSpec` checks, in the words of JSON Schema."""


class DeblurSpec(CommonSpec):
    """Undo a blur whose kernel is known."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_GAUSSIAN, _MOTION]})

    task: Literal["deblur"] = "deblur"
    kernel: Literal["gaussian", "motion"] = Field("gaussian", description="Shape of the blur.")
    sigma_px: float | None = Field(
        None, ge=0.5, le=20, validate_default=True, description="Standard deviation; needed for `gaussian`, only there."
    )
    length_px: float | None = Field(
        None, ge=2, le=100, validate_default=True, description="Length of the motion; needed for `motion`, only there."
    )
    angle_deg: float = Field(
        0.0, ge=-180, le=180, description="Direction of the motion, anticlockwise from the horizontal; for `motion`."
    )

    @field_validator("sigma_px", "length_px")
    @classmethod
    def _fits_the_kernel(cls, size_px: float | None, info: ValidationInfo) -> float | None:
        wanted = {"gaussian": "sigma_px", "motion": "length_px"}.get(info.data.get("kernel", ""))
        if wanted == info.field_name and size_px is None:
            raise PydanticCustomError("missing", "the kernel needs it")
        if wanted not in (None, info.field_name) and size_px is not None:
            raise PydanticCustomError("extra_forbidden", "the kernel has no such size")
        return size_px

    @field_validator("angle_deg")
    @classmethod
    def _only_motion_has_a_direction(cls, angle_deg: float, info: ValidationInfo) -> float:
        if angle_deg and info.data.get("kernel") == "gaussian":
            raise PydanticCustomError("extra_forbidden", "a Gaussian has no direction")
        return angle_deg


class DrawnSpec(CommonSpec):
    """Parameters of the tasks that start from no picture."""

    guidance_scale: float = Field(
        3.0, ge=1, le=20, description="Classifier-free guidance; 1 is off and costs half the network evaluations."
    )
    width_px: int | None = Field(None, ge=64, le=2048, description="Width in pixels; None is the native size.")
    height_px: int | None = Field(None, ge=64, le=2048, description="Height in pixels; None is the native size.")


class GenerateSpec(DrawnSpec):
    """Paint a whole picture from the prompt alone."""

    task: Literal["generate"] = "generate"


class StyleSpec(DrawnSpec):
    """Paint a whole picture from the prompt, in the style of a reference picture."""

    task: Literal["style"] = "style"
    solver: Literal["default", "newton"] = Field(
        "newton",
        description="The paper's, 1 + 2 * inner_steps network evaluations per step, or ours, two, which moves a style "
        "less than half as far.",
    )


AnySpec: TypeAlias = (
    CompleteSpec | InpaintSpec | OutpaintSpec | UpscaleSpec | ColorizeSpec | DeblurSpec | StyleSpec | GenerateSpec
)
TASKS = ("complete", "inpaint", "outpaint", "upscale", "colorize", "deblur", "style", "generate")

JobSpec = Annotated[AnySpec, Field(discriminator="task")]
"""A validated request; the field `task` decides which."""

JOB_SPEC: TypeAdapter[AnySpec] = TypeAdapter(JobSpec)
"""Validates anything into a spec: `JOB_SPEC.validate_python({"task": "complete"})`."""
