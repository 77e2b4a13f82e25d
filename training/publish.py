"""Put trained weights into `models/` and write their cards from measurements.

    python -m training.publish
    python -m training.publish --continued            # the run went on from the weights that are published
    python -m training.publish --parts rival          # the model is published already
    python -m training.publish --cards-only

A report that is not there, or is one of other weights, is measured first. Nothing in a card is typed in by hand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from benchmarks.identity import weights_digest
from benchmarks.provenance import processor
from benchmarks.setting import Weights
from training.card import Facts, rival_card, scenes_card
from training.data import load_scenes
from training.history import FILE, Run, read_history, write_history
from training.train_vae import HELD_OUT, reconstruction_psnr, to_float

MODEL = Path("models/scenes-128")
RIVAL = Path("models/scenes-128-rival")
JUDGE = Path("models/judge")
MODEL_OPTIONS = ["--methods", "newton-eta1", "default", "--masks", "half_left", "--count", "200", "--captions", "200"]
RIVAL_OPTIONS = ["--methods", "rival", "default", "--masks", "half_left", "box", "cells", "--count", "100"]


def main() -> None:
    """Copy the folders, measure, write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("model", "rival"), default=["model", "rival"])
    parser.add_argument("--report", type=Path, default=Path("build/quality.json"), help="quality of the model")
    parser.add_argument("--rival-report", type=Path, default=Path("build/rival.json"), help="and of the rival")
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--continued", action="store_true", help="the denoiser went on from the published weights")
    parser.add_argument("--cards-only", action="store_true", help="the folders are in place; rewrite the cards")
    args = parser.parse_args()
    if "model" in args.parts:
        if not args.cards_only:
            publish_model(args.build, args.continued)
        report = measured(args.report, [*MODEL_OPTIONS, "--pictures", str(MODEL / "samples.png")])
        judge = json.loads((JUDGE / "judge.json").read_text())
        facts = Facts(report=report, judge=judge, runs=read_history(MODEL), vae_psnr_db=measure_autoencoder())
        (MODEL / "README.md").write_text(scenes_card(facts))
    if "rival" in args.parts:
        if not args.cards_only:
            publish_rival(args.build)
        if (RIVAL / FILE).exists():
            report = measured(args.rival_report, RIVAL_OPTIONS)
            (RIVAL / "README.md").write_text(rival_card(report, read_history(RIVAL)))


def publish_model(build: Path, continued: bool) -> None:
    """Replace the embedded model by that of `build`, with what is known of its training."""
    earlier = read_history(MODEL) if continued else [read_run(build / "vae", "autoencoder")]
    copy(build / "unet" / "pipeline", MODEL)
    for name in ("vocab.json", "merges.txt"):  # for readers of the older tokenizer files
        shutil.copy(build / "unet" / "tokenizer" / name, MODEL / "tokenizer")
    write_history(MODEL, [*earlier, read_run(build / "unet", "denoiser")])


def publish_rival(build: Path) -> None:
    """Replace the tuned rival, if one was trained."""
    if (build / "rival" / "unet").exists():
        copy(build / "rival", RIVAL, only="unet")
        write_history(RIVAL, [read_run(build / "rival", "rival")])


def copy(source: Path, target: Path, only: str = "") -> None:
    """Replace `target` by `source`, or its subfolder `only` alone."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / only, target / only)


def measured(path: Path, options: Sequence[str]) -> dict[str, Any]:
    """The report at `path`, made by the quality benchmark if it is not there or tells of other weights."""
    published = Weights(weights_digest(MODEL), weights_digest(RIVAL))
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    if not rows or any(row.get("weights") not in published.all for row in rows):
        command = [sys.executable, "-m", "benchmarks.quality", *options, "--eta", "1", "--json", str(path)]
        subprocess.run(command, check=True)
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def measure_autoencoder() -> float:
    """Mean PSNR in dB of the published autoencoder over `HELD_OUT` held-out scenes."""
    vae = AutoencoderKL.from_pretrained(MODEL, subfolder="vae", torch_dtype=torch.float32).eval()
    return reconstruction_psnr(vae, torch.stack([to_float(x) for x in load_scenes(HELD_OUT, held_out=True)[0]]))


def read_run(folder: Path, stage: str) -> Run:
    """What a stage took, from its `state.pt`; on the hardware that is here."""
    state: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
    minutes = round(state.get("seconds", 0.0) / 60, 1)
    return Run(stage, state["step"], minutes, state.get("scenes", 0), processor())


if __name__ == "__main__":
    main()
