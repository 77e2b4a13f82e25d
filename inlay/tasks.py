"""A method for each task, the same for the blocking client and for asyncio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar, Unpack

from inlay.calls import Picture
from inlay.parameters import DrawnParameters, InpaintParameters, Parameters, SeamParameters, Side

AnswerT = TypeVar("AnswerT")


class Tasks(ABC, Generic[AnswerT]):
    """Submits tasks; `AnswerT` is what `submit` answers: a `Job`, or one to be awaited."""

    @abstractmethod
    def submit(self, task: str, parameters: Mapping[str, object], **pictures: Picture | None) -> AnswerT:
        """Submit any task; `pictures` are files by form field. Raises `OSError` for unreadable files."""

    def complete(
        self, image: Picture, *, keep: Side, fraction: float = 0.5, **parameters: Unpack[SeamParameters]
    ) -> AnswerT:
        """Keep the side `keep` (its `fraction` of the picture) and draw the rest."""
        given: dict[str, Any] = {"keep": keep, "fraction": fraction, **parameters}
        return self.submit("complete", given, image=image)

    def inpaint(self, image: Picture, mask: Picture | None = None, **parameters: Unpack[InpaintParameters]) -> AnswerT:
        """Repaint where `mask` is white (see `mask_polarity`); without a mask, where `image` is transparent."""
        return self.submit("inpaint", parameters, image=image, mask=mask)

    def outpaint(
        self,
        image: Picture,
        *,
        left_px: int = 0,
        right_px: int = 0,
        top_px: int = 0,
        bottom_px: int = 0,
        **parameters: Unpack[SeamParameters],
    ) -> AnswerT:
        """Draw beyond the borders, so many pixels on each side."""
        margins = {"left_px": left_px, "right_px": right_px, "top_px": top_px, "bottom_px": bottom_px}
        return self.submit("outpaint", {**margins, **parameters}, image=image)

    def upscale(self, image: Picture, *, factor: Literal[2, 4, 8] = 2, **parameters: Unpack[Parameters]) -> AnswerT:
        """Enlarge the picture; made smaller again, the result is `image`."""
        return self.submit("upscale", {"factor": factor, **parameters}, image=image)

    def colorize(self, image: Picture, **parameters: Unpack[Parameters]) -> AnswerT:
        """Draw the colours of a grey picture, whose luminance is kept."""
        return self.submit("colorize", parameters, image=image)

    def deblur(
        self,
        image: Picture,
        *,
        kernel: Literal["gaussian", "motion"] = "gaussian",
        sigma_px: float | None = None,
        length_px: float | None = None,
        angle_deg: float | None = None,
        **parameters: Unpack[Parameters],
    ) -> AnswerT:
        """Undo a blur: a Gaussian of `sigma_px`, or a motion of `length_px` at `angle_deg` from the horizontal."""
        blur = {"kernel": kernel, "sigma_px": sigma_px, "length_px": length_px, "angle_deg": angle_deg}
        return self.submit("deblur", {**blur, **parameters}, image=image)

    def style(self, reference: Picture, **parameters: Unpack[DrawnParameters]) -> AnswerT:
        """Draw a picture from the prompt, in the style of `reference`."""
        return self.submit("style", parameters, reference=reference)

    def generate(self, **parameters: Unpack[DrawnParameters]) -> AnswerT:
        """Draw a picture from the prompt alone."""
        return self.submit("generate", parameters)
