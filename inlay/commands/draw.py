"""Commands that draw the unknown part of a picture, or a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inlay.choices import KeptSide, MaskPolarity
from inlay.commands.delivery import submit_and_fetch
from inlay.options import Delivery, Picture, Sampling, Seam, with_shared_options


@with_shared_options
def complete(
    picture: Picture,
    keep: Annotated[KeptSide, typer.Option(help="The side that is known.")],
    seam: Seam,
    sampling: Sampling,
    delivery: Delivery,
    fraction: Annotated[float, typer.Option(help="How much of the picture is known, 0.1 to 0.9.")] = 0.5,
) -> None:
    """Keep one side of a picture and draw the rest."""
    parameters = {"keep": keep.value, "fraction": fraction, **seam.parameters(), **sampling.parameters()}
    submit_and_fetch("complete", parameters, {"image": picture}, delivery)


@with_shared_options
def inpaint(
    picture: Picture,
    seam: Seam,
    sampling: Sampling,
    delivery: Delivery,
    mask: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Mask file, white where to paint [default: transparency]."),
    ] = None,
    mask_polarity: Annotated[MaskPolarity, typer.Option(help="What white means.")] = MaskPolarity.WHITE_REPAINTS,
    mask_resize: Annotated[bool, typer.Option(help="Fit a mask of another size to the picture.")] = False,
) -> None:
    """Repaint the masked part of a picture."""
    parameters = {
        "mask_polarity": mask_polarity.value,
        "mask_resize": mask_resize,
        **seam.parameters(),
        **sampling.parameters(),
    }
    submit_and_fetch("inpaint", parameters, {"image": picture, "mask": mask}, delivery)


@with_shared_options
def generate(
    sampling: Sampling,
    delivery: Delivery,
    width_px: Annotated[int | None, typer.Option("--width", help="[default: the model's own]")] = None,
    height_px: Annotated[int | None, typer.Option("--height", help="[default: the model's own]")] = None,
) -> None:
    """Draw a picture from the prompt alone."""
    parameters = {"width_px": width_px, "height_px": height_px, **sampling.parameters()}
    submit_and_fetch("generate", parameters, {}, delivery)
