"""Parameters that several tasks share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

_NO_CONTROL_CHARACTERS: dict[str, JsonValue] = {"pattern": r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f]*$"}
"""As `_no_control_characters` below; ECMA 262, as JSON Schema has it."""
MetadataKey = Annotated[str, Field(min_length=1, max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class OutputSpec(BaseModel):
    """How the result is encoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["png", "webp", "jpeg"] = Field(
        "png", description="File format. Known pixels are byte-identical in `png` only."
    )
    quality: int = Field(90, ge=1, le=100, description="Quality of webp and jpeg, 1 to 100; png ignores it.")


class CommonSpec(BaseModel):
    """Parameters that every task takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: str = Field(
        "",
        max_length=2000,
        json_schema_extra=_NO_CONTROL_CHARACTERS,
        description="What the picture shows, in words; may be empty.",
    )
    negative_prompt: str = Field(
        "",
        max_length=2000,
        json_schema_extra=_NO_CONTROL_CHARACTERS,
        description="What it should not show; needs guidance_scale > 1.",
    )
    guidance_scale: float = Field(
        1.0, ge=1, le=20, description="Classifier-free guidance; 1 is off and costs half the network evaluations."
    )
    steps: int = Field(20, ge=1, le=100, description="Number of denoising steps.")
    solver: Literal["default", "newton"] = Field(
        "default", description="Ours, two network evaluations per step, or the paper's, 1 + 2 * inner_steps."
    )
    inner_steps: int = Field(
        5, ge=0, le=20, description="Corrections per step of `newton` (K in the paper); 0 switches any solver off."
    )
    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="Seed of the noise; drawn at random if absent.")
    n: int = Field(1, ge=1, le=8, description="Number of pictures; picture i uses seed + i.")
    model: str | None = Field(None, max_length=200, description="Model id as listed by /v1/models; None takes any.")
    output: OutputSpec = Field(default_factory=OutputSpec, description="How the result is encoded.")
    priority: Literal["normal", "high"] = Field(
        "normal", description="Whether it goes before the caller's own `normal` jobs; other callers' are not affected."
    )
    deadline_s: float | None = Field(
        None, gt=0, le=3600, description="Seconds after submission at which an unfinished job fails."
    )
    webhook_url: str | None = Field(
        None, max_length=2048, description="Where to tell that the job has ended, in a signed request."
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict, max_length=16, description="Up to 16 pairs of strings, returned as given."
    )

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _no_control_characters(cls, text: str) -> str:
        if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
            raise ValueError("must not have control characters")
        return text


class PicturedSpec(CommonSpec):
    """Parameters of the tasks that start from a picture."""

    preserve_known: bool = Field(True, description="Put the uploaded pixels back where they are known.")
    mask_feather_px: int = Field(0, ge=0, le=64, description="Width of the soft border, into the hole only, in pixels.")
