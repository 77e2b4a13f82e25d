"""Commands that go beyond a picture's borders, its pixels, its colours, its sharpness, or only take its style."""

from __future__ import annotations

from typing import Annotated

import typer

from inlay.choices import Kernel
from inlay.commands.delivery import submit_and_fetch
from inlay.options import Delivery, Picture, Sampling, Seam, with_shared_options


@with_shared_options
def outpaint(
    picture: Picture,
    seam: Seam,
    sampling: Sampling,
    delivery: Delivery,
    left_px: Annotated[int, typer.Option("--left", help="Pixels to add on the left.")] = 0,
    right_px: Annotated[int, typer.Option("--right", help="Pixels to add on the right.")] = 0,
    top_px: Annotated[int, typer.Option("--top", help="Pixels to add at the top.")] = 0,
    bottom_px: Annotated[int, typer.Option("--bottom", help="Pixels to add at the bottom.")] = 0,
) -> None:
    """Draw beyond the borders of a picture."""
    margins = {"left_px": left_px, "right_px": right_px, "top_px": top_px, "bottom_px": bottom_px}
    parameters = {**margins, **seam.parameters(), **sampling.parameters()}
    submit_and_fetch("outpaint", parameters, {"image": picture}, delivery)


@with_shared_options
def upscale(
    picture: Picture,
    sampling: Sampling,
    delivery: Delivery,
    factor: Annotated[int, typer.Option(help="How many times larger: 2, 4 or 8.")] = 2,
) -> None:
    """Enlarge a small picture."""
    submit_and_fetch("upscale", {"factor": factor, **sampling.parameters()}, {"image": picture}, delivery)


@with_shared_options
def colorize(picture: Picture, sampling: Sampling, delivery: Delivery) -> None:
    """Draw the colours of a grey picture."""
    submit_and_fetch("colorize", sampling.parameters(), {"image": picture}, delivery)


@with_shared_options
def deblur(
    picture: Picture,
    sampling: Sampling,
    delivery: Delivery,
    kernel: Annotated[Kernel, typer.Option(help="Shape of the blur.")] = Kernel.GAUSSIAN,
    sigma_px: Annotated[float | None, typer.Option("--sigma", help="Standard deviation of a Gaussian.")] = None,
    length_px: Annotated[float | None, typer.Option("--length", help="Length of a motion.")] = None,
    angle_deg: Annotated[
        float | None, typer.Option("--angle", help="Direction of a motion, anticlockwise from the horizontal.")
    ] = None,
) -> None:
    """Undo a blur whose kernel is known."""
    blur = {"kernel": kernel.value, "sigma_px": sigma_px, "length_px": length_px, "angle_deg": angle_deg}
    submit_and_fetch("deblur", {**blur, **sampling.parameters()}, {"image": picture}, delivery)


@with_shared_options
def style(
    reference: Picture,
    sampling: Sampling,
    delivery: Delivery,
    width_px: Annotated[int | None, typer.Option("--width", help="[default: the model's own]")] = None,
    height_px: Annotated[int | None, typer.Option("--height", help="[default: the model's own]")] = None,
) -> None:
    """Draw a picture from the prompt, in the style of another one."""
    parameters = {"width_px": width_px, "height_px": height_px, **sampling.parameters()}
    submit_and_fetch("style", parameters, {"reference": reference}, delivery)
