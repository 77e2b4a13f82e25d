"""One command from nothing to the published models: VAE, UNet with text encoder, judge, tuned rival, cards.

    python -m training --profile cpu

`cpu` takes as many steps as what is shipped, in one run of seven hours on two cores, by estimate; `quick` makes a
softer one in two; `gpu` trains longer. The folders below `models/` are written over at the end.
Every stage keeps its state under `build/` and goes on where an earlier run stopped; a finished stage is skipped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

PROFILES: dict[str, dict[str, list[str]]] = {
    "quick": {
        "train_vae": ["--steps", "1800", "--batch", "12"],
        "train_unet": ["--steps", "3400", "--batch", "64"],
        "judge": [],
        "train_rival": ["--steps", "600"],
    },
    "cpu": {
        "train_vae": ["--steps", "1800", "--batch", "12"],
        "train_unet": ["--steps", "27000", "--batch", "64", "--scenes", "40000"],
        "judge": [],
        "train_rival": ["--steps", "1200"],
    },
    "gpu": {
        "train_vae": ["--steps", "20000", "--batch", "32"],
        "train_unet": ["--steps", "40000", "--batch", "128", "--scenes", "100000"],
        "judge": ["--steps", "3000"],
        "train_rival": ["--steps", "8000", "--scenes", "24000"],
    },
}


def main() -> None:
    """Run all stages, then publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="cpu")
    args = parser.parse_args()
    for stage, options in PROFILES[args.profile].items():
        print(f"== {stage}", flush=True)
        subprocess.run([sys.executable, "-u", "-m", f"training.{stage}", *options], check=True)
    subprocess.run([sys.executable, "-u", "-m", "training.publish"], check=True)


if __name__ == "__main__":
    main()
