"""The judge: a small classifier of scenes (kind and main colour) trained on pictures from the generator.

It decides whether a sample shows what its caption asked for, and its last features are the space in
which distributions of pictures are compared.

    python -m training.judge --out models/judge
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from training.data import load_described
from training.drawing import COLORS
from training.kinds import KINDS
from training.loop import cosine_lr, use_all_cores
from training.train_vae import to_float

KIND_NAMES, COLOR_NAMES = sorted(KINDS), sorted(COLORS)
INPUT_PX = 64


class Judge(nn.Module):
    """Pictures (n, 3, h, w) in [-1, 1] → logits of kind (n, 12) and of main colour (n, 8)."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
            before = width
        self.body = nn.Sequential(*layers)
        self.kind = nn.Linear(before * 16, len(KIND_NAMES))
        self.color = nn.Linear(before * 16, len(COLOR_NAMES))

    def features(self, image: Tensor) -> Tensor:
        """Flattened last activations (n, 2048)."""
        small = functional.interpolate(image, (INPUT_PX, INPUT_PX), mode="area")
        features: Tensor = self.body(small).flatten(1)
        return features

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        return self.kind(features), self.color(features)

    @torch.no_grad()
    def verdicts(self, image: Tensor) -> list[tuple[str, str]]:
        """(kind, main colour) of each picture."""
        kinds, colors = self(image)
        pairs = zip(kinds.argmax(1).tolist(), colors.argmax(1).tolist(), strict=True)
        return [(KIND_NAMES[kind], COLOR_NAMES[color]) for kind, color in pairs]


def load_judge(folder: Path) -> Judge:
    """The trained judge, ready for use."""
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(folder / "judge.safetensors").items()})
    return judge.eval()


def soften(image: Tensor) -> Tensor:
    """Blur and noise of random strength, so that a soft picture is judged by what it shows."""
    blurred = functional.avg_pool2d(functional.pad(image, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    mix = torch.rand(len(image), 1, 1, 1) * (torch.rand(len(image), 1, 1, 1) < 0.5)
    noise = torch.randn_like(image) * 0.15 * torch.rand(len(image), 1, 1, 1)
    return image.lerp(blurred, mix) + noise


def train(out: Path, steps: int, batch: int, scenes: int) -> dict[str, float]:
    """Train, save fp16 weights, and return held-out accuracies."""
    use_all_cores()
    torch.manual_seed(2)
    images, described = load_described(scenes)
    kinds = torch.tensor([KIND_NAMES.index(scene.kind) for scene in described])
    colors = torch.tensor([COLOR_NAMES.index(scene.color) for scene in described])
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.01)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = cosine_lr(step, step / steps, 2e-3)
        index = torch.randint(len(images), (batch,))
        image = functional.interpolate(to_float(images[index]), (INPUT_PX, INPUT_PX), mode="area")
        kind, color = judge(soften(image))
        loss = functional.cross_entropy(kind, kinds[index]) + functional.cross_entropy(color, colors[index])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 100 == 0:
            print(f"{step + 1}/{steps} loss {loss.item():.4f}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in judge.state_dict().items()}, out / "judge.safetensors")
    held_out, truth = load_described(1000, held_out=True)
    verdicts = load_judge(out).verdicts(to_float(held_out))
    kind_right = sum(v[0] == scene.kind for v, scene in zip(verdicts, truth, strict=True)) / len(truth)
    color_right = sum(v[1] == scene.color for v, scene in zip(verdicts, truth, strict=True)) / len(truth)
    accuracy = {"kind_accuracy": kind_right, "color_accuracy": color_right, "held_out_scenes": float(len(truth))}
    (out / "judge.json").write_text(json.dumps(accuracy, indent=1) + "\n")
    return accuracy


def main() -> None:
    """Command line of the judge's recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/judge"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--scenes", type=int, default=24_000)
    args = parser.parse_args()
    began = time.time()
    print(train(args.out, args.steps, args.batch, args.scenes), f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
