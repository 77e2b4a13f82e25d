"""The cards of the published models, written from measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.history import Run


@dataclass(frozen=True)
class Facts:
    """What the cards quote: the quality report, the judge's accuracy, the runs of training."""

    report: dict[str, Any]
    judge: dict[str, float]
    runs: Sequence[Run]
    vae_psnr_db: float


WHAT = {
    "autoencoder": "autoencoder (mean squared error, KL, mirror terms; `training/train_vae.py`)",
    "denoiser": "denoiser and text encoder (Muon, batch 64; `training/train_unet.py`)",
    "rival": "rival (Muon, batch 64; `training/train_rival.py`)",
}


def scenes_card(facts: Facts) -> str:
    """The card of `models/scenes-128`."""
    origin = facts.report["provenance"]
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# scenes-128

A small Stable Diffusion, trained from nothing on procedural scenes, that ships with Inlay so that the service does
its main job on any machine and its tests judge real results. It loads with `StableDiffusionPipeline.from_pretrained`.
It knows nothing but scenes: for photographs point Inlay at a Stable Diffusion checkpoint.

![Samples from held-out captions](samples.png)

## What it is

| part | class | notes |
|---|---|---|
| autoencoder | `AutoencoderKL` | 128×128 pixels to 16×16×4 latents; channels 32, 32, 64, 128; no global attention |
| denoiser | `UNet2DConditionModel` | channels 128, 160; cross-attention at 8×8; `v_prediction` |
| text encoder | `CLIPTextModel` | two layers, width 128, trained together with the denoiser |
| tokenizer | `CLIPTokenizer` | byte-level BPE learned from the captions; up to 32 tokens |
| scheduler | `DDIMScheduler` | Stable Diffusion's: `scaled_linear`, 0.00085 to 0.012, 1000 timesteps |

## Data

Scenes drawn by `training/scenes.py`: twelve kinds, eight main colours, seven backgrounds; nine kinds are exactly
mirror-symmetric. Scenes from seeds at and above 1,000,000,000 are trained on; every seed below is held out.

## Training

{_runs(facts.runs)}

Two cores each time, torch on the CPU, bfloat16 autocast, shared with other work. `make model` trains anew, on a CPU or a
GPU, and goes on where it was stopped; `--init` of `training.train_unet` goes on from published weights.

## Measured quality

Held-out scenes from seed 0, commit {origin["commit"]}. Autoencoder: {facts.vae_psnr_db:.2f} dB mean PSNR over 64 scenes. The judge, a
classifier of 64×64 pictures, is right on held-out scenes in {facts.judge["kind_accuracy"]:.1%} (kind) and
{facts.judge["color_accuracy"]:.1%} (main colour).

{_table(facts.report["rows"])}

## Limits

Soft edges and lost small details, as the autoencoder has only 1,024 numbers for a picture. Prompts outside the
captions' words mean nothing to it.
"""


def rival_card(report: dict[str, Any], runs: Sequence[Run]) -> str:
    """The card of `models/scenes-128-rival`, with the quality `report` of it and of the service's solver."""
    return f"""---
license: apache-2.0
library_name: diffusers
---
# scenes-128-rival

The denoiser of `scenes-128`, fine-tuned for inpainting: nine input channels (noisy latents, mask, masked latents), as
Stable Diffusion's own inpainting checkpoints have. It is here to measure the training-free sampler against a tuned
model, and is not used by the service. Autoencoder, text encoder and tokenizer are those of `scenes-128`.

Every training scene has one random mask: a side, a box or strokes (`training/masks.py`); the hole is filled from its
border before it is encoded, as the service does.

{_runs(runs)}

## Measured quality

Beside the service's solver with `scenes-128`, on the same held-out scenes from seed 0, commit
{report["provenance"]["commit"]}. Random cells are masks that it was not trained on.

{_table(report["rows"])}
"""


def _runs(runs: Sequence[Run]) -> str:
    lines = ["| run | steps | minutes | scenes | hardware |", "|---|---|---|---|---|"]
    lines += [f"| {WHAT[r.stage]} | {r.steps} | {r.minutes:.0f} | {r.scenes:,} | {r.hardware} |" for r in runs]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| task | mask | sampler (steps × corrections) | NFE | scenes | hole PSNR | autoencoder in the same hole | kind and colour right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        psnr = f"{row['hole_psnr_db']:.2f} ± {row['ci95_db']:.2f} dB" if row["hole_psnr_db"] is not None else ""
        bound = f"{row['vae_bound_db']:.2f} dB" if row["vae_bound_db"] is not None else ""
        accuracy = row["kind_and_color_accuracy"]
        right = f"{accuracy:.1%}" if accuracy is not None else ""
        sampler = f"{row['method']}, {row['steps']} × {row['inner_steps']}, eta {row['eta']}"
        lines.append(
            f"| {row['task']} | {row['mask']} | {sampler} | {row['nfe']} | {row['scenes']} | {psnr} | {bound} | {right} |"
        )
    return "\n".join(lines)
