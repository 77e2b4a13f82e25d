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
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]

SIZE_PX = 128
OVERSAMPLING = 3
TRAINING_SEEDS = range(1_000_000_000, 2_000_000_000)

COLORS: dict[str, RGB] = {
    "red": (205, 38, 38),
    "orange": (240, 130, 25),
    "yellow": (245, 210, 45),
    "green": (48, 150, 62),
    "teal": (30, 160, 165),
    "blue": (45, 85, 205),
    "purple": (130, 55, 175),
    "pink": (240, 125, 175),
}
BACKGROUNDS: dict[str, RGB] = {
    "white": (240, 240, 238),
    "grey": (150, 152, 156),
    "black": (34, 34, 38),
    "cream": (240, 222, 184),
    "sky": (176, 212, 240),
    "mint": (184, 228, 200),
    "navy": (32, 44, 92),
}
DARK: RGB = (48, 40, 40)
LIGHT: RGB = (246, 244, 238)


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


class Canvas:
    """Draws in unit coordinates (x and y in [0, 1], y down) on an oversampled picture."""

    def __init__(self, top: RGB, bottom: RGB) -> None:
        self.side_px = SIZE_PX * OVERSAMPLING
        ramp = Image.linear_gradient("L").resize((self.side_px, self.side_px))
        self.image = Image.composite(Image.new("RGB", ramp.size, bottom), Image.new("RGB", ramp.size, top), ramp)
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Points, fill: RGB) -> None:
        self.draw.polygon([(x * self.side_px, y * self.side_px) for x, y in points], fill=fill)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        side = self.side_px
        self.draw.ellipse(((x - rx) * side, (y - ry) * side, (x + rx) * side, (y + ry) * side), fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
        side = self.side_px
        self.draw.rectangle((x0 * side, y0 * side, x1 * side, y1 * side), fill=fill)

    def finish(self, symmetric: bool) -> Image.Image:
        """Downsample; a symmetric scene gets its right half as the exact mirror of its left."""
        image = self.image.reduce(OVERSAMPLING)
        if symmetric:
            left = image.crop((0, 0, SIZE_PX // 2, SIZE_PX))
            image.paste(ImageOps.mirror(left), (SIZE_PX // 2, 0))
        return image


@dataclass(frozen=True)
class Palette:
    """The concrete colours of one scene."""

    main: RGB
    accent: RGB
    top: RGB
    bottom: RGB


def shade(color: RGB, factor: float) -> RGB:
    """Darken (factor < 1) or lighten towards white (factor > 1)."""
    if factor <= 1:
        return (int(color[0] * factor), int(color[1] * factor), int(color[2] * factor))
    lift = factor - 1
    return (
        int(color[0] + (255 - color[0]) * lift),
        int(color[1] + (255 - color[1]) * lift),
        int(color[2] + (255 - color[2]) * lift),
    )


def blob(x: float, y: float, rx: float, ry: float, tilt: float, pinch: float = 0.0) -> Points:
    """A tilted ellipse, pinched towards its lower end for wings and petals (`pinch` in [0, 1))."""
    points: Points = []
    for i in range(40):
        angle = 2 * pi * i / 40
        u, v = cos(angle) * (1 - pinch * (0.5 + 0.5 * sin(angle))) * rx, sin(angle) * ry
        points.append((x + u * cos(tilt) - v * sin(tilt), y + u * sin(tilt) + v * cos(tilt)))
    return points


def draw_butterfly(c: Canvas, p: Palette, rng: random.Random) -> None:
    spread, height = rng.uniform(0.24, 0.36), rng.uniform(0.15, 0.22)
    tilt = rng.uniform(0.35, 0.75)
    y = rng.uniform(0.38, 0.44)
    upper = (0.5 - spread * 0.62, y - 0.02)
    lower_size = rng.uniform(0.60, 0.85)
    lower = (0.5 - spread * 0.45, y + height * 1.25)
    c.polygon(blob(*lower, spread * 0.52 * lower_size, height * lower_size, -tilt), shade(p.main, 0.78))
    c.polygon(blob(*upper, spread * 0.66, height, tilt), p.main)
    spot = rng.uniform(0.025, 0.06)
    c.ellipse(upper[0] - 0.03, upper[1] - 0.02, spot, spot, p.accent)
    c.ellipse(lower[0], lower[1], spot * 0.75, spot * 0.75, p.accent)
    c.ellipse(0.5, y + 0.08, 0.028, rng.uniform(0.18, 0.24), DARK)
    c.ellipse(0.5, y - 0.13, 0.04, 0.04, DARK)


def draw_face(c: Canvas, p: Palette, rng: random.Random) -> None:
    rx, ry = rng.uniform(0.24, 0.33), rng.uniform(0.29, 0.36)
    y = 0.52
    ear = rng.uniform(0.05, 0.10)
    c.ellipse(0.5 - rx, y, ear, ear, shade(p.main, 0.85))
    c.ellipse(0.5, y - ry * rng.uniform(0.25, 0.45), rx * 1.08, ry * 0.85, p.accent)
    c.ellipse(0.5, y + 0.03, rx, ry, p.main)
    eye_x, eye_y, eye = rng.uniform(0.10, 0.14), y - rng.uniform(0.02, 0.08), rng.uniform(0.035, 0.055)
    c.ellipse(0.5 - eye_x, eye_y, eye, eye, LIGHT)
    c.ellipse(0.5 - eye_x, eye_y, eye * 0.5, eye * 0.5, DARK)
    nose = rng.uniform(0.05, 0.10)
    c.polygon([(0.5, eye_y + 0.03), (0.46, eye_y + 0.03 + nose), (0.5, eye_y + 0.03 + nose)], shade(p.main, 0.7))
    width, mouth_y = rng.uniform(0.09, 0.16), y + rng.uniform(0.17, 0.21)
    c.ellipse(0.5, mouth_y, width, rng.uniform(0.02, 0.05), shade(DARK, 1.1))


def draw_house(c: Canvas, p: Palette, rng: random.Random) -> None:
    half, top, base = rng.uniform(0.24, 0.34), rng.uniform(0.42, 0.52), rng.uniform(0.84, 0.90)
    c.box(0, base, 0.51, 1, shade(p.top, 0.6))
    c.box(0.5 - half, top, 0.51, base, p.main)
    overhang, peak = rng.uniform(0.03, 0.08), rng.uniform(0.13, 0.24)
    c.polygon([(0.5 - half - overhang, top), (0.51, top), (0.51, peak), (0.5, peak)], p.accent)
    door = rng.uniform(0.05, 0.085)
    c.box(0.5 - door, base - rng.uniform(0.18, 0.26), 0.51, base, DARK)
    x, y, size = 0.5 - half * 0.66, top + rng.uniform(0.07, 0.11), rng.uniform(0.04, 0.058)
    c.box(x - size, y - size, x + size, y + size, LIGHT)


def draw_vase(c: Canvas, p: Palette, rng: random.Random) -> None:
    c.box(0, 0.86, 0.51, 1, shade(p.bottom, 0.72))
    neck, belly, foot = rng.uniform(0.07, 0.13), rng.uniform(0.20, 0.31), rng.uniform(0.10, 0.16)
    rim_y, belly_y, base_y = rng.uniform(0.14, 0.22), rng.uniform(0.48, 0.64), 0.88
    profile: Points = [(0.51, rim_y), (0.5 - neck * 1.35, rim_y)]
    for i in range(25):
        s = i / 24
        y = rim_y + 0.04 + s * (base_y - rim_y - 0.04)
        turn = (belly_y - rim_y) / (base_y - rim_y)
        if s < turn:
            width = neck + (belly - neck) * (0.5 - 0.5 * cos(pi * s / turn))
        else:
            width = foot + (belly - foot) * (0.5 + 0.5 * cos(pi * (s - turn) / (1 - turn)))
        profile.append((0.5 - width, y))
    c.polygon([*profile, (0.51, base_y)], p.main)
    band = rng.uniform(0.025, 0.055)
    inner = belly * rng.uniform(0.95, 0.99)
    c.box(0.5 - inner, belly_y - band, 0.51, belly_y + band, p.accent)
    c.ellipse(0.5, rim_y, neck * 1.35, 0.025, shade(p.main, 0.6))


def draw_ring(c: Canvas, p: Palette, rng: random.Random) -> None:
    y, outer = rng.uniform(0.46, 0.54), rng.uniform(0.28, 0.40)
    c.ellipse(0.5, y, outer, outer, p.main)
    middle = outer * rng.uniform(0.62, 0.78)
    c.ellipse(0.5, y, middle, middle, p.accent)
    inner = middle * rng.uniform(0.55, 0.8)
    c.ellipse(0.5, y, inner, inner, p.top)


def draw_flag(c: Canvas, p: Palette, rng: random.Random) -> None:
    top, bottom, left = rng.uniform(0.16, 0.26), rng.uniform(0.70, 0.82), rng.uniform(0.08, 0.15)
    c.box(left, top, 0.51, bottom, p.main)
    stripe = rng.uniform(0.08, 0.14)
    if rng.random() < 0.5:
        c.box(left, top, left + stripe, bottom, p.accent)
    else:
        c.box(left, top, 0.51, top + stripe, p.accent)
        c.box(left, bottom - stripe, 0.51, bottom, p.accent)
    radius = rng.uniform(0.07, 0.13)
    if rng.random() < 0.5:
        c.ellipse(0.5, (top + bottom) / 2, radius, radius, LIGHT)
    else:
        middle = (top + bottom) / 2
        c.polygon([(0.5 - radius, middle), (0.51, middle - radius), (0.51, middle + radius)], LIGHT)


def draw_flower(c: Canvas, p: Palette, rng: random.Random) -> None:
    y, reach = rng.uniform(0.36, 0.42), rng.uniform(0.17, 0.24)
    c.box(0.485, y, 0.51, 0.96, shade(COLORS["green"], 0.8))
    leaf_y = rng.uniform(0.74, 0.84)
    c.polygon(blob(0.40, leaf_y, 0.12, rng.uniform(0.035, 0.06), 0.45), shade(COLORS["green"], 0.95))
    petals = rng.choice((5, 6, 8))
    width = reach * (0.62 if petals < 8 else 0.45)
    for i in range(petals):
        angle = -pi / 2 + 2 * pi * i / petals
        x, top = 0.5 + reach * 0.8 * cos(angle), y + reach * 0.8 * sin(angle)
        c.polygon(blob(x, top, reach * 0.62, width * 0.72, angle), shade(p.main, 0.86 if i % 2 else 1.0))
    center = reach * rng.uniform(0.38, 0.55)
    c.ellipse(0.5, y, center, center, p.accent)


def draw_tree(c: Canvas, p: Palette, rng: random.Random) -> None:
    ground = rng.uniform(0.82, 0.88)
    c.box(0, ground, 0.51, 1, shade(p.bottom, 0.66))
    trunk = rng.uniform(0.035, 0.06)
    c.box(0.5 - trunk, 0.5, 0.51, ground + 0.03, (104, 72, 48))
    if rng.random() < 0.5:
        width, top = rng.uniform(0.24, 0.34), rng.uniform(0.10, 0.16)
        layers = 3
        for i in range(layers):
            y0, y1 = top + i * 0.17, top + i * 0.17 + 0.27
            reach = width * (0.55 + 0.45 * i / (layers - 1))
            c.polygon([(0.5, y0), (0.5 - reach, y1), (0.51, y1), (0.51, y0)], shade(p.main, 0.8 + 0.1 * i))
    else:
        radius = rng.uniform(0.15, 0.20)
        c.ellipse(0.5 - radius * 0.95, 0.47, radius, radius, shade(p.main, 0.84))
        c.ellipse(0.5, rng.uniform(0.30, 0.36), radius * 1.25, radius * 1.1, p.main)
        c.ellipse(0.5 - radius * 0.8, 0.45, 0.03, 0.03, p.accent)
        c.ellipse(0.5, 0.33, 0.03, 0.03, p.accent)


def draw_mushroom(c: Canvas, p: Palette, rng: random.Random) -> None:
    c.box(0, 0.86, 0.51, 1, shade(p.bottom, 0.7))
    stem = rng.uniform(0.07, 0.12)
    c.polygon([(0.5 - stem, 0.45), (0.51, 0.45), (0.51, 0.9), (0.5 - stem * 1.25, 0.9)], (232, 220, 200))
    rx, ry, y = rng.uniform(0.27, 0.38), rng.uniform(0.24, 0.36), rng.uniform(0.50, 0.56)
    cap = [(0.5 - rx * cos(a), y - ry * sin(a)) for a in (pi / 2 * i / 20 for i in range(21))]
    c.polygon([*cap, (0.51, y)], p.main)
    spot = rng.uniform(0.03, 0.055)
    c.ellipse(0.5 - rx * 0.52, y - ry * 0.36, spot, spot, p.accent)
    c.ellipse(0.5, y - ry * 0.66, spot * 1.2, spot * 1.2, p.accent)


def draw_hills(c: Canvas, p: Palette, rng: random.Random) -> None:
    sun = rng.uniform(0.06, 0.10)
    c.ellipse(rng.uniform(0.15, 0.85), rng.uniform(0.14, 0.26), sun, sun, p.accent)
    for i in range(3):
        base, swing = 0.48 + 0.15 * i, rng.uniform(0.05, 0.12)
        phase, waves = rng.uniform(0, 2 * pi), rng.uniform(0.7, 1.5)
        ridge = [(x / 40, base + swing * sin(2 * pi * waves * x / 40 + phase)) for x in range(41)]
        c.polygon([(0, 1), *ridge, (1, 1)], shade(p.main, (1.25, 1.0, 0.72)[i]))


def draw_skyline(c: Canvas, p: Palette, rng: random.Random) -> None:
    x = 0.0
    while x < 1:
        width, top = rng.uniform(0.13, 0.21), rng.uniform(0.22, 0.66)
        fill = shade(p.main, rng.uniform(0.65, 1.1))
        c.box(x, top, min(1.0, x + width), 0.92, fill)
        if width > 0.15:
            c.box(x + width * 0.35, top + 0.07, x + width * 0.65, top + 0.15, p.accent)
        x += width
    c.box(0, 0.90, 1, 1, DARK)


def draw_fish(c: Canvas, p: Palette, rng: random.Random) -> None:
    x, y = rng.uniform(0.44, 0.56), rng.uniform(0.42, 0.58)
    rx, ry = rng.uniform(0.23, 0.29), rng.uniform(0.13, 0.20)
    side = rng.choice((-1, 1))
    tail = rng.uniform(0.10, 0.15)
    root = x - side * rx * 0.85
    c.polygon([(root, y), (root - side * tail, y - tail), (root - side * tail, y + tail)], shade(p.main, 0.8))
    c.polygon([(x - 0.1, y - ry * 0.7), (x + 0.08, y - ry * 0.7), (x, y - ry * 1.5)], p.accent)
    c.ellipse(x, y, rx, ry, p.main)
    c.ellipse(x + side * rx * 0.6, y - ry * 0.25, 0.032, 0.032, LIGHT)
    c.ellipse(x + side * rx * 0.62, y - ry * 0.25, 0.015, 0.015, DARK)


Drawer = Callable[[Canvas, Palette, random.Random], None]
SYMMETRIC_KINDS: dict[str, Drawer] = {
    "butterfly": draw_butterfly,
    "face": draw_face,
    "house": draw_house,
    "vase": draw_vase,
    "ring": draw_ring,
    "flag": draw_flag,
    "flower": draw_flower,
    "tree": draw_tree,
    "mushroom": draw_mushroom,
}
FREE_KINDS: dict[str, Drawer] = {"hills": draw_hills, "skyline": draw_skyline, "fish": draw_fish}
KINDS: dict[str, Drawer] = {**SYMMETRIC_KINDS, **FREE_KINDS}


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
