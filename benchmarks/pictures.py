"""The pictures that are restored: held-out scenes, or a folder of photographs under the paper's protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from training.kinds import SYMMETRIC_KINDS
from training.scenes import Scene, make_scene

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, eq=False)
class Sample:
    """One true picture (RGB) with the prompt that it is restored with, and what the judge should see in it."""

    name: str
    truth: Image.Image
    prompt: str
    scene: Scene | None = None


def symmetric_scenes(seed: int, count: int) -> list[Sample]:
    """`count` held-out mirror-symmetric scenes from `seed` on, their kinds in turn."""
    kinds = sorted(SYMMETRIC_KINDS)
    drawn = [make_scene(seed + index, kinds[index % len(kinds)]) for index in range(count)]
    return [Sample(f"scene {scene.seed}", picture, scene.caption, scene) for scene, picture in drawn]


def folder_pictures(folder: Path, count: int, size_px: int) -> list[Sample]:
    """The first `count` pictures of a folder by name: short side scaled to `size_px`, centre cropped to a square.

    So does arXiv 2410.18804, section 4.1, with the 1,000 first of ImageNet's ctest10k at 512 pixels; without prompts.
    Raises `ValueError` if the folder holds none.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:count]
    if not paths:
        raise ValueError(f"{folder} holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return [Sample(path.stem, _square(path, size_px), "") for path in paths]


def _square(path: Path, size_px: int) -> Image.Image:
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return ImageOps.fit(upright, (size_px, size_px), Image.Resampling.LANCZOS)
