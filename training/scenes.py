"""Procedural scenes with captions: the world that the embedded model knows.

A scene is drawn from a seed alone, so a held-out scene is one whose seed was never trained on
(`TRAINING_SEEDS` are the trained ones). Nine of the twelve kinds are exactly mirror-symmetric about
the vertical axis, so that one half of the picture determines the other and a completion has a truth to
be compared with; the other three are not.

    python -m training.scenes --seed 7 --count 16 --out /tmp/scenes
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from training.drawing import BACKGROUNDS, COLORS, RGB, Canvas, Palette, shade
from training.kinds import KINDS, SYMMETRIC_KINDS

TRAINING_SEEDS = range(1_000_000_000, 2_000_000_000)


@dataclass(frozen=True)
class Scene:
    """What is in a picture: enough to caption it and to judge whether a sample shows what was asked."""

    seed: int
    kind: str
    color: str
    accent: str
    background: str
    symmetric: bool
    caption: str


def jitter(color: RGB, rng: random.Random, amount: int = 9) -> RGB:
    r, g, b = (max(0, min(255, channel + rng.randint(-amount, amount))) for channel in color)
    return (r, g, b)


def describe(rng: random.Random, kind: str, color: str, accent: str, background: str) -> str:
    """A caption in one of a few shapes; kind and main colour are always named."""
    article = "an" if color == "orange" else "a"
    subject = f"{color} hills" if kind == "hills" else f"{article} {color} {kind}"
    return rng.choice(
        (
            subject,
            f"{subject} on a {background} background",
            f"{subject} with {accent} details",
            f"{subject} with {accent} details on a {background} background",
            f"{subject} with {accent} details on a {background} background",
        )
    )


def make_scene(seed: int, kind: str | None = None) -> tuple[Scene, Image.Image]:
    """Draw the scene of `seed` (128×128 RGB); `kind` fixes what is drawn, else the seed chooses."""
    rng = random.Random(seed)
    chosen = rng.choice(sorted(KINDS))
    kind = kind or chosen
    color, accent = rng.sample(sorted(COLORS), 2)
    background = rng.choice(sorted(BACKGROUNDS))
    ground = jitter(BACKGROUNDS[background], rng)
    palette = Palette(
        main=jitter(COLORS[color], rng),
        accent=jitter(COLORS[accent], rng),
        top=ground,
        bottom=shade(ground, rng.uniform(0.80, 1.0)),
    )
    caption = describe(rng, kind, color, accent, background)
    canvas = Canvas(palette.top, palette.bottom)
    KINDS[kind](canvas, palette, rng)
    symmetric = kind in SYMMETRIC_KINDS
    scene = Scene(seed, kind, color, accent, background, symmetric, caption)
    return scene, canvas.finish(symmetric)


def main() -> None:
    """Write `count` scenes and `captions.json` (file name, caption, kind, colours, symmetry) to `out`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="scene i is drawn from seed + i")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(KINDS), help="draw only this kind")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    entries = []
    for index in range(args.count):
        scene, image = make_scene(args.seed + index, args.kind)
        name = f"{index:04d}.png"
        image.save(args.out / name)
        entries.append({"file": name, **vars(scene)})
    (args.out / "captions.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
