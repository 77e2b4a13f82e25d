"""Masks as the worker wants them: 8-bit grey, as large as the picture, white is repainted, grey by its strength."""

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from app import problem_types
from app.images import Picture, read_grey
from app.problems import Problem, pointing_at
from jobs.settings import Settings
from jobs.spec import InpaintSpec


@dataclass(frozen=True)
class Mask:
    """An understood mask: `grey` (mode L, 255 = repaint), where it came from, and how its file was read."""

    grey: Image.Image
    source: str
    polarity: str

    @property
    def coverage(self) -> float:
        """Share of the picture that is repainted, 0 to 1, each pixel by its strength."""
        return float(ImageStat.Stat(self.grey).mean[0]) / 255


def read_mask(data: bytes | None, picture: Picture, spec: InpaintSpec, settings: Settings) -> Mask:
    """The mask file if there is one, else the picture's transparency.

    Raises:
        Problem: there is neither, the sizes differ, or nothing (or everything) is to be repainted.
    """
    if data is not None:
        with pointing_at("/mask"):
            mask = Mask(_from_file(data, picture.size_px, spec, settings), "file", spec.mask_polarity)
            _refuse_extremes(mask.grey, "The mask marks")
        return mask
    with pointing_at("/image" if picture.alpha is not None else "/mask"):
        if picture.alpha is None:
            raise Problem(problem_types.MASK_MISSING, "There is no mask file, and the picture has no alpha channel.")
        mask = Mask(ImageChops.invert(picture.alpha), "alpha", "transparent_repaints")
        _refuse_extremes(mask.grey, "The picture's transparency marks")
    return mask


def _from_file(data: bytes, size_px: tuple[int, int], spec: InpaintSpec, settings: Settings) -> Image.Image:
    transparency = spec.mask_polarity == "transparent_repaints"
    grey = read_grey(data, settings, None if spec.mask_resize else size_px, transparency=transparency)
    if grey.size != size_px:
        grey = grey.resize(size_px, Image.Resampling.BILINEAR)
    return ImageChops.invert(grey) if spec.mask_polarity == "keep_white" else grey


def _refuse_extremes(grey: Image.Image, subject: str) -> None:
    darkest, brightest = grey.getextrema()
    if brightest == 0:
        raise Problem(problem_types.MASK_EMPTY, f"{subject} no pixel to repaint.")
    if darkest == 255:
        raise Problem(problem_types.MASK_FULL, f"{subject} every pixel to repaint.")
