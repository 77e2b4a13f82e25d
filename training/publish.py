"""Put trained weights into `models/` and write their cards from measurements.

    python -m training.publish
    python -m training.publish --continued            # the run went on from the weights that are published
    python -m training.publish --cards-only --report build/quality.json

Without a report the benchmark is run first. Nothing in a card is typed in by hand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from benchmarks.provenance import processor
from training.card import Facts, rival_card, scenes_card
from training.data import load_scenes
from training.history import FILE, Run, read_history, write_history
from training.train_vae import HELD_OUT, reconstruction_psnr, to_float

MODEL = Path("models/scenes-128")
RIVAL = Path("models/scenes-128-rival")
JUDGE = Path("models/judge")
METHODS = ["newton-eta1", "default"]


def main() -> None:
    """Copy the folders, measure, write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=Path("build/quality.json"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--continued", action="store_true", help="the denoiser went on from the published weights")
    parser.add_argument("--cards-only", action="store_true", help="the folders are in place; rewrite the cards")
    args = parser.parse_args()
    if not args.cards_only:
        publish_model(args.build, args.continued)
        publish_rival(args.build)
    if not args.report.exists():
        measure(args.report)
    facts = Facts(
        report=json.loads(args.report.read_text()),
        judge=json.loads((JUDGE / "judge.json").read_text()),
        runs=read_history(MODEL),
        vae_psnr_db=measure_autoencoder(),
    )
    (MODEL / "README.md").write_text(scenes_card(facts))
    if (RIVAL / FILE).exists():
        (RIVAL / "README.md").write_text(rival_card(facts, read_history(RIVAL)))


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


def measure(report: Path) -> None:
    """Run the quality benchmark that the card quotes."""
    options = ["--masks", "half_left", "--count", "200", "--captions", "200", "--eta", "1"]
    grid = ["--pictures", str(MODEL / "samples.png")]
    command = [sys.executable, "-m", "benchmarks.quality", "--methods", *METHODS, *options, *grid]
    subprocess.run([*command, "--json", str(report)], check=True)


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
