"""What the benchmarks' command lines share: the model, the pictures, the budgets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from benchmarks.identity import weights_digest
from benchmarks.measures.judged import Jury
from benchmarks.methods import Unavailable
from benchmarks.pictures import Sample, folder_pictures, symmetric_scenes
from benchmarks.provenance import provenance
from benchmarks.roster import names
from benchmarks.running import warm_up
from benchmarks.setting import Setting, Weights
from benchmarks.survey import Budget
from benchmarks.tasks import TASKS
from jobs.settings import Settings
from sampler.schedule import Eta
from worker.diffusers_model import DiffusersModel
from worker.errors import ModelUnusable
from worker.model import find, load, load_inpainting


def add_arguments(parser: argparse.ArgumentParser, *, count: int, masks: Sequence[str], methods: Sequence[str]) -> None:
    """The shared options, with a benchmark's own defaults."""
    parser.add_argument("--seed", type=int, default=0, help="first scene, and first noise")
    parser.add_argument("--count", type=int, default=count, help="pictures for each task")
    parser.add_argument("--masks", "--tasks", nargs="*", choices=list(TASKS), default=list(masks), metavar="TASK")
    parser.add_argument("--methods", nargs="*", choices=names(), default=list(methods), metavar="METHOD")
    parser.add_argument("--batch", type=int, default=8, help="pictures sampled together; 1 times a picture alone")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--model", default="models/scenes-128", help="a folder or hub id in the diffusers layout")
    parser.add_argument("--rival", default="models/scenes-128-rival", help="checkpoint tuned for inpainting")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--images", type=Path, help="restore this folder's pictures instead of scenes, without prompts")
    parser.add_argument("--without-prompts", action="store_true", help="restore scenes without saying what they show")
    parser.add_argument("--size", type=int, default=512, help="side of those pictures in pixels, centre cropped")
    parser.add_argument("--json", type=Path, help="write rows and provenance to this file")
    parser.epilog = f"Tasks: {', '.join(TASKS)}. Methods: {', '.join(names())}."


def open_setting(args: argparse.Namespace, dtype: str, guidance_scale: float = 1.0) -> Setting:
    """Load the model, and the judge where it knows the pictures; everything is evaluated once.

    `guidance_scale` is that of restored pictures.
    """
    torch.set_num_threads(args.threads)
    settings = Settings(model=args.model, dtype=dtype)
    model = load(settings)
    warm_up(model, model.native_size_px)
    told = provenance()
    return Setting(
        model=model,
        jury=None if args.images else Jury(),
        batch=args.batch,
        seed=args.seed,
        guidance_scale=guidance_scale,
        weights=Weights(weights_digest(find(args.model)), _digest_of_tuned(args.rival)),
        origin={
            "device": model.device.type,
            **{name: told[name] for name in ("commit", "hardware", "threads", "torch")},
        },
        load_tuned=cache(partial(tuned, settings, args.rival)),
    )


def _digest_of_tuned(checkpoint: str) -> str | None:
    try:
        return weights_digest(find(checkpoint))
    except ModelUnusable:
        return None


def tuned(settings: Settings, checkpoint: str) -> DiffusersModel:
    """The checkpoint that was tuned for inpainting, evaluated once; raises `Unavailable` if it cannot be loaded."""
    try:
        model = load_inpainting(settings, checkpoint)
    except ModelUnusable as error:
        raise Unavailable(f"no checkpoint tuned for inpainting: {error}") from error
    warm_up(model, model.native_size_px)
    return model


def read_samples(args: argparse.Namespace) -> list[Sample]:
    """The pictures that are asked for; raises `ValueError` when the folder holds none."""
    if args.images:
        return folder_pictures(args.images, args.count, args.size)
    samples = symmetric_scenes(args.seed, args.count)
    return [replace(sample, prompt="") for sample in samples] if args.without_prompts else samples


def budget(text: str) -> Budget:
    """The value of `--budgets`: evaluations, or "published"; raises `ValueError` for anything else."""
    return "published" if text == "published" else int(text)


def eta(text: str) -> Eta:
    """The value of an `--eta`; raises `ValueError` for what is neither "paper" nor a number."""
    return "paper" if text == "paper" else float(text)
