"""What is restored: pictures behind masks, and pictures made smaller, grey or blurred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

from benchmarks.masks import MASKS, make_mask
from benchmarks.pictures import Sample
from sampler.constraints.blur import Blur, gaussian_kernel
from sampler.constraints.colorize import Colorize
from sampler.constraints.linear import LinearOperator
from sampler.constraints.super_resolution import SuperResolution
from worker.canvas import to_image, to_picture
from worker.compositing import Upload
from worker.tasks.measured import DEBLURRING

Kind: TypeAlias = Literal["complete", "inpaint", "upscale", "colorize", "deblur"]
FACTORS = (2, 4, 8)
BLUR_SIGMA_PX = 2.0
UNKNOWN_GREY = (160, 160, 160)


@dataclass(frozen=True)
class Task:
    """`name` is a mask of `benchmarks.masks`, or says what is measured of every pixel by `operator`.

    `x2`, `x4`, `x8` are super-resolution by that factor (`factor`) from bicubic reductions, `x2-area` and the like from
    means of blocks; `colorize` is colour from luminance, `deblur` sharpness from a Gaussian blur of 2 px, both on the
    canvas.
    """

    name: str
    kind: Kind
    factor: int | None = None
    operator: LinearOperator | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """One picture of a task: the truth as the upload's picture, with the mask of what is to be painted.

    A picture of which every pixel is measured (`Task.operator`) is painted anew everywhere. `seed` is its noise's, the
    same for every method. The sample's prompt is followed with `guidance_scale`; 1 is no guidance.
    """

    sample: Sample
    upload: Upload
    task: Task
    seed: int
    guidance_scale: float = 1.0

    def shown(self) -> Image.Image:
        """What a method is given, for eyes: the hole in grey, a small picture in large pixels, or what was measured."""
        picture, operator, factor = self.upload.picture, self.task.operator, self.task.factor
        if factor is not None:
            small = picture.resize((picture.width // factor, picture.height // factor), Image.Resampling.BICUBIC)
            return small.resize(picture.size, Image.Resampling.NEAREST)
        if operator is not None:
            return to_picture(operator.forward(to_image(picture)).expand(3, -1, -1))
        return Image.composite(Image.new("RGB", picture.size, UNKNOWN_GREY), picture, self.upload.mask)


MEASURED = (
    *(Task(f"x{factor}", "upscale", factor, SuperResolution(factor)) for factor in FACTORS),
    *(Task(f"x{factor}-area", "upscale", factor, SuperResolution(factor, "area")) for factor in FACTORS),
    Task("colorize", "colorize", operator=Colorize()),
    Task("deblur", "deblur", operator=Blur(gaussian_kernel(BLUR_SIGMA_PX), DEBLURRING)),
)
TASKS = {
    **{name: Task(name, "complete" if "_" in name else "inpaint") for name in MASKS},
    **{task.name: task for task in MEASURED},
}


def make_cases(task: Task, samples: Sequence[Sample], seed: int, guidance_scale: float = 1.0) -> list[Case]:
    """The task's cases, picture by picture; random masks and noises are drawn from `seed` plus the picture's place."""
    cases = []
    for index, sample in enumerate(samples):
        size = sample.truth.size
        mask = Image.new("L", size, 255) if task.operator else make_mask(task.name, seed + index, size[0])
        cases.append(Case(sample, Upload(sample.truth, mask), task, seed + index, guidance_scale))
    return cases
