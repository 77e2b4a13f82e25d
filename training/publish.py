"""Put trained weights into `models/` and write their cards from measurements.

    python -m training.publish --report build/quality.json

Without a report the benchmark is run first. Nothing in a card is typed in by hand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.card import Facts, rival_card, scenes_card

MODELS = Path("models")


@dataclass(frozen=True)
class Stage:
    """What a training stage took, read from its state."""

    steps: int
    minutes: float


def main() -> None:
    """Copy the folders, measure, write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=Path("build/quality.json"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--cards-only", action="store_true", help="the folders are in place; rewrite the cards")
    args = parser.parse_args()
    if not args.cards_only:
        copy(args.build / "unet" / "pipeline", MODELS / "scenes-128")
        for name in ("vocab.json", "merges.txt"):  # for readers of the older tokenizer files
            shutil.copy(args.build / "unet" / "tokenizer" / name, MODELS / "scenes-128" / "tokenizer")
        if (args.build / "rival" / "unet").exists():
            copy(args.build / "rival", MODELS / "scenes-128-rival", only="unet")
    if not args.report.exists():
        measure(args.report)
    facts = Facts(
        report=json.loads(args.report.read_text()),
        judge=json.loads((MODELS / "judge" / "judge.json").read_text()),
        vae=read_stage(args.build / "vae"),
        unet=read_stage(args.build / "unet"),
        rival=read_stage(args.build / "rival") if (args.build / "rival" / "state.pt").exists() else None,
        vae_psnr_db=json.loads((args.build / "vae" / "psnr.json").read_text())["held_out_psnr_db"],
    )
    (MODELS / "scenes-128" / "README.md").write_text(scenes_card(facts))
    if facts.rival is not None:
        (MODELS / "scenes-128-rival" / "README.md").write_text(rival_card(facts, facts.rival))


def copy(source: Path, target: Path, only: str = "") -> None:
    """Replace `target` by `source`, or its subfolder `only` alone."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / only, target / only)


def measure(report: Path) -> None:
    """Run the quality benchmark that the card quotes."""
    options = ["--masks", "half_left", "quarter_left", "box", "--count", "200", "--captions", "200"]
    grid = ["--pictures", str(MODELS / "scenes-128" / "samples.png")]
    subprocess.run([sys.executable, "-m", "benchmarks.quality", *options, *grid, "--json", str(report)], check=True)


def read_stage(folder: Path) -> Stage:
    """Steps and minutes of a stage from its `state.pt`."""
    state: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
    return Stage(state["step"], state.get("seconds", 0.0) / 60)


if __name__ == "__main__":
    main()
