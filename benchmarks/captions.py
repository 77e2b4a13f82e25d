"""Text to image on held-out captions: the judge says whether the pictures show what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.identity import Identity, texts_digest, told
from benchmarks.row import Row
from benchmarks.running import run
from benchmarks.setting import Setting
from benchmarks.stating import SPACING
from sampler.sample import SamplerOptions
from training.scenes import make_scene
from worker.canvas import from_canvas
from worker.geometry import place
from worker.process import Plan, run_job

GAP_PX = 2
COLUMNS = 10
SHOWN = 50


def captions(
    setting: Setting, options: SamplerOptions, guidance_scale: float, count: int, pictures_to: Path | None
) -> Row:
    """Sample `count` held-out captions of all kinds, from the noisiest timestep, as the service does.

    Writes a grid of the first to `pictures_to` if given.
    """
    model, native_px = setting.model, setting.model.native_size_px
    drawn = [make_scene(setting.seed + index) for index in range(count)]
    plans = [
        Plan(
            canvas=None,
            latents_shape=model.latents_shape(native_px, native_px),
            cell_px=model.cell_px,
            conditioning=model.conditioning(scene.caption, "", guidance_scale),
            schedule=replace(model.schedule, spacing=SPACING),
            options=options,
            seed=setting.seed + index,
        )
        for index, (scene, _) in enumerate(drawn)
    ]
    timed = run(model, [partial(run_job, plan, 0) for plan in plans], setting.batch)
    placement = place(native_px, native_px, native_px, model.cell_px)
    pictures = [from_canvas(one.image, placement) for one in timed.results]
    if pictures_to is not None:
        pictures_to.parent.mkdir(parents=True, exist_ok=True)
        in_rows(pictures[:SHOWN]).save(pictures_to, optimize=True)
    jury = setting.jury
    return Row(
        **asdict(identify_captions(setting, options, guidance_scale, count)),
        **setting.origin,
        steps=options.steps,
        inner_steps=0,
        eta=options.eta,
        nfe=max(one.nfe for one in timed.results),
        backward_passes=0,
        seconds=round(timed.seconds, 4),
        peak_mb=round(timed.peak_mb, 1),
        frechet=jury.distance(pictures, [picture for _, picture in drawn]) if jury else None,
        kind_and_color_accuracy=jury.accuracy(pictures, [scene for scene, _ in drawn]) if jury else None,
    )


def identify_captions(setting: Setting, options: SamplerOptions, guidance_scale: float, count: int) -> Identity:
    """What would be measured."""
    return Identity(
        task="generate",
        mask="none",
        method="ddim",
        settings=f"{told(options)}, spacing={SPACING}",
        guidance_scale=guidance_scale,
        scenes=count,
        seed=setting.seed,
        batch=setting.batch,
        dtype=setting.dtype,
        weights=setting.weights.model,
        pictures=texts_digest([make_scene(setting.seed + index)[0].caption for index in range(count)], setting.seed),
    )


def in_rows(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in rows of ten."""
    width_px, height_px = pictures[0].width + GAP_PX, pictures[0].height + GAP_PX
    sheet = Image.new(
        "RGB", (min(COLUMNS, len(pictures)) * width_px, -(-len(pictures) // COLUMNS) * height_px), "white"
    )
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % COLUMNS * width_px, index // COLUMNS * height_px))
    return sheet
