"""Quality of restoration and of text to image on held-out scenes or a folder of pictures, with the cost beside it.

    python -m benchmarks.quality --count 200 --seed 0 --json build/quality.json
    python -m benchmarks.quality --masks half_left cells --methods newton ding --budgets 40 60 220
    python -m benchmarks.quality --images ctest10k --model CHECKPOINT --size 512 --count 1000 --masks half_left box

Completions run through the worker's own code (placement, fill, sampling, compositing). `vae_bound_db` is the
autoencoder's reconstruction of the true picture, measured in the same hole. Without `--budgets` a method has the
settings that are asked for, else its published ones.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from benchmarks.captions import captions
from benchmarks.command_line import add_arguments, budget, eta, open_setting, read_samples
from benchmarks.measures import hole_psnr_db, mean
from benchmarks.measures.perceptual import perceptual
from benchmarks.measuring import Measured
from benchmarks.report import line, markdown, write_json
from benchmarks.row import Origin, Row
from benchmarks.setting import Prepared, Setting, prepare
from benchmarks.survey import Wanted, at_budgets, survey, tell
from benchmarks.tasks import TASKS
from sampler.sample import SamplerOptions


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the quality benchmark; returns 1 if nothing could be measured."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse(arguments)
    command = f"python -m benchmarks.quality {shlex.join(arguments)}"
    setting = open_setting(args, args.dtype)
    notes: list[str] = []
    rows = [row for mask in args.masks for row in restorations(setting, mask, args, notes)]
    if args.captions:
        steps = 20 if args.steps is None else args.steps
        options = SamplerOptions(steps=steps, eta="paper" if args.eta is None else args.eta)
        rows.append(captions(setting, options, args.guidance_scale, args.captions, args.pictures))
    print("\n".join([markdown(rows), *notes]))
    if args.json:
        write_json(args.json, rows, Origin(setting.model.name, (command,), tuple(notes)))
    return 0 if rows else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Arguments, with defaults that reproduce the README's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, count=200, masks=["half_left"], methods=["newton"])
    parser.add_argument(
        "--budgets", type=budget, nargs="+", metavar="NFE|published", help="fit the methods to these evaluations"
    )
    parser.add_argument("--steps", type=int, help="without budgets")
    parser.add_argument("--inner-steps", type=int, help="corrections a step of our own solvers, without budgets")
    parser.add_argument("--eta", type=eta, help='"paper", or 0 (DDIM) to 1 (DDPM), without budgets')
    parser.add_argument("--captions", type=int, default=0, help="also sample this many captions from text alone")
    parser.add_argument("--guidance-scale", type=float, default=3.0, help="for text to image")
    parser.add_argument("--pictures", type=Path, help="write a grid of the caption samples to this file")
    return parser.parse_args(arguments)


def restorations(setting: Setting, mask: str, args: argparse.Namespace, notes: list[str]) -> list[Row]:
    """The rows of one task, printed as they come."""
    prepared = prepare(setting, TASKS[mask], read_samples(args))
    if args.budgets:
        wanted = at_budgets(args.methods, args.budgets)
    else:
        wanted = [Wanted(name, None, args.steps, args.inner_steps, args.eta) for name in args.methods]
    rows = []
    for _, measured in survey(setting, prepared, wanted, notes):
        rows.append(with_perception(measured, prepared, notes) if args.images else measured.row)
        print(line(rows[-1]), flush=True)
    return rows


def with_perception(measured: Measured, prepared: Prepared, notes: list[str]) -> Row:
    """The row with PSNR, LPIPS and FID of whole pictures, as in arXiv 2410.18804, where they can be measured."""
    found = perceptual(measured.pictures, [case.upload.picture for case in prepared.cases])
    for note in found.absent:
        tell(note, notes)
    return replace(measured.row, whole_psnr_db=whole_psnr_db(measured, prepared), lpips=found.lpips, fid=found.fid)


def whole_psnr_db(measured: Measured, prepared: Prepared) -> float:
    """PSNR over all pixels, known ones too: what the paper tells."""
    everywhere = Image.new("L", prepared.cases[0].upload.picture.size, 255)
    pairs = zip(measured.pictures, prepared.cases, strict=True)
    return round(mean([hole_psnr_db(picture, case.upload.picture, everywhere) for picture, case in pairs]).value, 3)


if __name__ == "__main__":
    raise SystemExit(main())
