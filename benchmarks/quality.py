"""Quality of completions and of text to image on held-out scenes, with the cost beside it.

    python -m benchmarks.quality --count 200 --seed 0 --json build/quality.json

Completions run through the worker's own code (placement, fill, sampling, compositing), `--batch` pictures at
a time; `seconds` is one picture alone (the median over scenes when `--batch 1`). `vae_bound_db` is the
autoencoder's reconstruction of the true picture, measured in the same hole.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from PIL import Image

from benchmarks.masks import MASKS, make_mask
from benchmarks.measures import hole_psnr_db, known_max_abs_diff, mean_and_ci95
from benchmarks.provenance import peak_mb, provenance
from jobs.settings import Settings
from sampler.engine import Engine
from sampler.evaluation import Decode, Encode
from sampler.sample import SamplerOptions
from sampler.schedule import Eta
from training.judge import load_judge
from training.scenes import SYMMETRIC_KINDS, Scene, make_scene
from worker.canvas import from_canvas, to_canvas
from worker.compositing import Upload, composite
from worker.diffusers_model import DiffusersModel
from worker.geometry import place
from worker.model import load
from worker.process import Painted, Plan, run_job

JUDGE = Path(__file__).parents[1] / "models" / "judge"


@dataclass(frozen=True)
class Budget:
    """How a run samples."""

    steps: int
    inner_steps: int
    eta: Eta
    guidance_scale: float
    seed: int
    batch: int

    def options(self, model: DiffusersModel) -> SamplerOptions:
        """The sampler's options at this budget."""
        return SamplerOptions(self.steps, self.inner_steps, eta=self.eta, network_dtype=model.dtype)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    task: str
    mask: str
    method: str
    steps: int
    inner_steps: int
    eta: Eta
    guidance_scale: float
    nfe: int
    backward_passes: int
    scenes: int
    seed: int
    batch: int
    hole_psnr_db: float | None
    ci95_db: float | None
    vae_bound_db: float | None
    known_max_abs_diff: int | None
    residual: float | None
    kind_and_color_accuracy: float | None
    seconds: float
    peak_mb: float


def main() -> None:
    """Command line of the quality benchmark."""
    args = parse()
    torch.set_num_threads(args.threads)
    model = load(Settings(model=args.model, dtype=args.dtype))
    eta: Eta = "paper" if args.eta == "paper" else float(args.eta)
    budget = Budget(args.steps, args.inner_steps, eta, args.guidance_scale, args.seed, args.batch)
    rows = []
    for mask in args.masks:
        rows.append(completions(model, mask, budget, args.count))
        print(render(rows[-1:]), flush=True)
    if args.captions:
        rows.append(captions(model, budget, args.captions, args.pictures))
    print(render(rows))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        report = {"provenance": provenance(), "model": model.name, "rows": [asdict(row) for row in rows]}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """Arguments, with defaults that reproduce the README's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="first scene, and first noise")
    parser.add_argument("--count", type=int, default=200, help="mirror-symmetric scenes for each mask")
    parser.add_argument("--masks", nargs="*", choices=MASKS, default=["half_left"])
    parser.add_argument("--captions", type=int, default=0, help="also sample this many captions from text alone")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--inner-steps", type=int, default=5)
    parser.add_argument("--eta", default="paper", help='"paper", or a number from 0 (DDIM) to 1 (DDPM)')
    parser.add_argument("--guidance-scale", type=float, default=3.0, help="for text to image")
    parser.add_argument("--batch", type=int, default=8, help="pictures sampled together")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--model", default="models/scenes-128")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--pictures", type=Path, help="write a grid of the caption samples to this file")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def symmetric_scenes(seed: int, count: int) -> list[tuple[Scene, Image.Image]]:
    """`count` held-out mirror-symmetric scenes, their kinds in turn."""
    kinds = sorted(SYMMETRIC_KINDS)
    return [make_scene(seed + index, kinds[index % len(kinds)]) for index in range(count)]


def completions(model: DiffusersModel, mask_name: str, budget: Budget, count: int) -> Row:
    """Complete `count` scenes behind one mask and compare with the truth."""
    scenes = symmetric_scenes(budget.seed, count)
    masks = [make_mask(mask_name, budget.seed + index) for index in range(count)]
    uploads = [Upload(picture, mask) for (_, picture), mask in zip(scenes, masks, strict=True)]
    plans = [
        plan(model, budget, upload, scene.caption, budget.seed + index)
        for index, ((scene, _), upload) in enumerate(zip(scenes, uploads, strict=True))
    ]
    painted, seconds = run(model, plans, budget.batch)
    results = [assemble(model, upload, one) for upload, one in zip(uploads, painted, strict=True)]
    psnr, ci95 = mean_and_ci95([hole_psnr_db(r, u.picture, u.mask) for r, u in zip(results, uploads, strict=True)])
    bound = [
        hole_psnr_db(rebuilt, upload.picture, upload.mask)
        for rebuilt, upload in zip(reconstruct(model, [u.picture for u in uploads]), uploads, strict=True)
    ]
    return Row(
        task="complete" if "_" in mask_name else "inpaint",
        mask=mask_name,
        method="newton",
        steps=budget.steps,
        inner_steps=budget.inner_steps,
        eta=budget.eta,
        guidance_scale=1.0,
        nfe=max(one.nfe for one in painted),
        backward_passes=0,
        scenes=count,
        seed=budget.seed,
        batch=budget.batch,
        hole_psnr_db=round(psnr, 3),
        ci95_db=round(ci95, 3),
        vae_bound_db=round(mean_and_ci95(bound)[0], 3),
        known_max_abs_diff=max(known_max_abs_diff(r, u.picture, u.mask) for r, u in zip(results, uploads, strict=True)),
        residual=round(mean_and_ci95([one.residual or 0.0 for one in painted])[0], 4),
        kind_and_color_accuracy=None,
        seconds=round(seconds, 3),
        peak_mb=round(peak_mb(), 1),
    )


def captions(model: DiffusersModel, budget: Budget, count: int, pictures: Path | None) -> Row:
    """Sample `count` held-out captions from text alone; the judge says what the pictures show."""
    scenes = [make_scene(budget.seed + index)[0] for index in range(count)]
    plans = [
        Plan(
            canvas=None,
            latents_shape=model.latents_shape(model.native_size_px, model.native_size_px),
            cell_px=model.cell_px,
            conditioning=model.conditioning(scene.caption, "", budget.guidance_scale),
            schedule=model.schedule,
            options=budget.options(model),
            seed=budget.seed + index,
        )
        for index, scene in enumerate(scenes)
    ]
    painted, seconds = run(model, plans, budget.batch)
    verdicts = load_judge(JUDGE).verdicts(torch.stack([one.image.clamp(-1, 1) for one in painted]))
    right = [verdict == (scene.kind, scene.color) for verdict, scene in zip(verdicts, scenes, strict=True)]
    if pictures is not None:
        save_grid([one.image for one in painted], pictures)
    return Row(
        task="generate",
        mask="none",
        method="ddim",
        steps=budget.steps,
        inner_steps=0,
        eta=budget.eta,
        guidance_scale=budget.guidance_scale,
        nfe=max(one.nfe for one in painted),
        backward_passes=0,
        scenes=count,
        seed=budget.seed,
        batch=budget.batch,
        hole_psnr_db=None,
        ci95_db=None,
        vae_bound_db=None,
        known_max_abs_diff=None,
        residual=None,
        kind_and_color_accuracy=sum(right) / count,
        seconds=round(seconds, 3),
        peak_mb=round(peak_mb(), 1),
    )


def plan(model: DiffusersModel, budget: Budget, upload: Upload, prompt: str, seed: int) -> Plan:
    """The work of one completion, as the worker would lay it out."""
    placement = place(upload.picture.width, upload.picture.height, model.native_size_px, model.cell_px)
    return Plan(
        canvas=to_canvas(upload.picture, upload.mask, placement),
        latents_shape=model.latents_shape(placement.canvas_width_px, placement.canvas_height_px),
        cell_px=model.cell_px,
        conditioning=model.conditioning(prompt, "", 1.0),
        schedule=model.schedule,
        options=budget.options(model),
        seed=seed,
    )


def run(model: DiffusersModel, plans: Sequence[Plan], batch: int) -> tuple[list[Painted], float]:
    """Sample `plans`, `batch` at a time; returns the pictures and the median seconds of one."""
    painted: list[Painted] = []
    seconds = []
    for some in chunks(plans, batch):
        engine: Engine[Painted] = Engine(model)
        began = time.perf_counter()
        tickets = [engine.add(run_job(one, 0)) for one in some]
        ends = {}
        while engine.running:
            ends.update({end.ticket: end.unwrap() for end in engine.step()})
        seconds.append((time.perf_counter() - began) / len(some))
        painted += [ends[ticket] for ticket in tickets]
    return painted, median(seconds)


def chunks(plans: Sequence[Plan], size: int) -> Iterator[Sequence[Plan]]:
    """Consecutive parts of at most `size`."""
    for start in range(0, len(plans), size):
        yield plans[start : start + size]


def assemble(model: DiffusersModel, upload: Upload, painted: Painted) -> Image.Image:
    """The finished picture: painted hole, known pixels as they came."""
    placement = place(upload.picture.width, upload.picture.height, model.native_size_px, model.cell_px)
    picture = from_canvas(painted.image, placement)
    return composite(upload, picture, picture, placement, 0)


def reconstruct(model: DiffusersModel, pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Each picture through the autoencoder and back."""
    rebuilt = []
    for picture in pictures:
        placement = place(picture.width, picture.height, model.native_size_px, model.cell_px)
        canvas = to_canvas(picture, Image.new("L", picture.size, 0), placement)
        latents = model.encode([Encode(canvas.image)])[0]
        rebuilt.append(from_canvas(model.decode([Decode(latents)])[0], placement))
    return rebuilt


def save_grid(images: Sequence[torch.Tensor], path: Path, columns: int = 10) -> None:
    """Pictures (3, h, w) about [-1, 1] side by side in one PNG."""
    side = images[0].shape[-1] + 2
    rows = -(-len(images) // columns)
    grid = Image.new("RGB", (columns * side, rows * side), "white")
    for index, image in enumerate(images):
        pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        grid.paste(Image.fromarray(pixels), (index % columns * side, index // columns * side))
    path.parent.mkdir(parents=True, exist_ok=True)
    grid.save(path)


def render(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| task | mask | method | steps | NFE | eta | scenes | hole PSNR dB | VAE bound dB | known diff "
        "| kind and colour | s a picture |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        psnr = "" if row.hole_psnr_db is None else f"{row.hole_psnr_db:.2f} ± {row.ci95_db:.2f}"
        bound = "" if row.vae_bound_db is None else f"{row.vae_bound_db:.2f}"
        known = "" if row.known_max_abs_diff is None else str(row.known_max_abs_diff)
        accuracy = "" if row.kind_and_color_accuracy is None else f"{row.kind_and_color_accuracy:.1%}"
        lines.append(
            f"| {row.task} | {row.mask} | {row.method} | {row.steps} | {row.nfe} | {row.eta} | {row.scenes} "
            f"| {psnr} | {bound} | {known} | {accuracy} | {row.seconds:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
