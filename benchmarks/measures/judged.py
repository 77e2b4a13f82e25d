"""What the bundled judge says: whether a picture shows its caption, and how far sets of pictures are apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.measures.frechet import frechet_distance
from training.judge import Judge, load_judge
from training.scenes import Scene

JUDGE = Path(__file__).parents[2] / "models" / "judge"


class Jury:
    """The judge with its two uses. Pictures are RGB; the judge itself sees them at 64×64."""

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge or load_judge(JUDGE)

    def accuracy(self, pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> float:
        """Share of pictures in which the judge sees the kind and the main colour that the scene has."""
        verdicts = self._judge.verdicts(torch.stack([_tensor(picture) for picture in pictures]))
        right = [verdict == (scene.kind, scene.color) for verdict, scene in zip(verdicts, scenes, strict=True)]
        return sum(right) / len(right)

    def distance(self, pictures: Sequence[Image.Image], truths: Sequence[Image.Image]) -> float | None:
        """Fréchet distance of the judge's last features, 2048 a picture; None for fewer than two pictures.

        Against the same scenes' truths, so that perfect restoration gives 0.
        """
        if len(pictures) < 2:
            return None
        return frechet_distance(self._features(pictures), self._features(truths))

    @torch.no_grad()
    def _features(self, pictures: Sequence[Image.Image]) -> Tensor:
        return torch.cat([self._judge.features(_tensor(picture)[None]) for picture in pictures])


def _tensor(picture: Image.Image) -> Tensor:
    """(3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).to(torch.float32) / 127.5 - 1.0
