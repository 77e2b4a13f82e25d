"""The twelve kinds of things that scenes show. A symmetric kind draws its left half; the canvas mirrors it."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import cos, pi, sin

from training.drawing import COLORS, DARK, LIGHT, Canvas, Palette, Points, blob, shade


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
