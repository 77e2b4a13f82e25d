"""What is restored: pictures behind masks, and pictures made smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from benchmarks.masks import MASKS, make_mask
from benchmarks.pictures import Sample
from worker.compositing import Upload

Kind = Literal["complete", "inpaint", "upscale"]
FACTORS = {f"x{factor}": factor for factor in (2, 4, 8)}
UNKNOWN_GREY = (160, 160, 160)


@dataclass(frozen=True)
class Task:
    """`name` is a mask of `benchmarks.masks`, or `x2`, `x4`, `x8`: super-resolution by that factor (`factor`)."""

    name: str
    kind: Kind
    factor: int | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """One picture of a task: the truth as the upload's picture, with the mask of what is to be painted.

    A picture to be enlarged is painted anew everywhere. `seed` is its noise's, the same for every method. The sample's
    prompt is followed with `guidance_scale`; 1 is no guidance.
    """

    sample: Sample
    upload: Upload
    factor: int | None
    seed: int
    guidance_scale: float = 1.0

    def shown(self) -> Image.Image:
        """What a method is given, for eyes: the hole in grey, or the small picture in large pixels."""
        picture = self.upload.picture
        if self.factor is not None:
            small = picture.resize(
                (picture.width // self.factor, picture.height // self.factor), Image.Resampling.BICUBIC
            )
            return small.resize(picture.size, Image.Resampling.NEAREST)
        return Image.composite(Image.new("RGB", picture.size, UNKNOWN_GREY), picture, self.upload.mask)


TASKS = {
    **{name: Task(name, "complete" if "_" in name else "inpaint") for name in MASKS},
    **{name: Task(name, "upscale", factor) for name, factor in FACTORS.items()},
}


def make_cases(task: Task, samples: Sequence[Sample], seed: int, guidance_scale: float = 1.0) -> list[Case]:
    """The task's cases, picture by picture; random masks and noises are drawn from `seed` plus the picture's place."""
    cases = []
    for index, sample in enumerate(samples):
        size = sample.truth.size
        mask = Image.new("L", size, 255) if task.factor else make_mask(task.name, seed + index, size[0])
        cases.append(Case(sample, Upload(sample.truth, mask), task.factor, seed + index, guidance_scale))
    return cases
