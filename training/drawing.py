"""What scenes are drawn with: a canvas in unit coordinates, colours, shapes."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

from PIL import Image, ImageDraw, ImageOps

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]

SIZE_PX = 128
OVERSAMPLING = 3

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
