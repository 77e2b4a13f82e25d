"""`inlay demo`: start the real service, complete half of a picture that the model has never seen, compare."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from inlay.choices import SceneKind
from inlay.client import Client
from inlay.commands.up import READY_TIMEOUT_S, stop_signals
from inlay.complaints import errors_as_exit_status
from inlay.embedded import EmbeddedService, Stopped
from inlay.errors import InlayError
from inlay.models import Job
from inlay.terminal import console, watch
from inlay.waiting import ended_well

PROJECT = Path(__file__).resolve().parents[2]
FRACTION = 0.5
POLL_S = 0.25
# Scenes from this seed on were trained on (training.scenes.TRAINING_SEEDS).
FIRST_TRAINING_SEED = 1_000_000_000


class DemoFailed(InlayError):
    """The demo did not show what it promises."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The demo's files: the truth, the half of it that is submitted, and what came back."""

    truth: Path
    half: Path
    result: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Run:
    """One job of the demo: how it ended, its picture (PNG bytes), and the seconds that its user waited."""

    job: Job
    png: bytes
    seconds: float


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path("build/demo.png"),
    scene: Annotated[int, typer.Option(min=0, max=FIRST_TRAINING_SEED - 1, help="Which held-out scene to draw.")] = 7,
    kind: Annotated[SceneKind, typer.Option(help="What it shows.")] = SceneKind.BUTTERFLY,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 1,
) -> None:
    """Complete the right half of a held-out picture over HTTP; write input, result and truth side by side."""
    with errors_as_exit_status():
        pictures = draw_scene(scene, kind.value, output.parent / f"{output.stem}-files")
        console.print(f"held-out scene {scene}: {pictures.caption}", markup=False)
        first, second = run_twice(pictures, seed)
        pictures.result.write_bytes(first.png)
        compare(pictures, (first, second), output)
    typer.echo(output)


def draw_scene(scene: int, kind: str, folder: Path) -> Pictures:
    """Have the scene generator draw the truth, and blank its right half. Raises `DemoFailed`."""
    from inlay import montage  # Pillow comes with the extra `embedded`, which only this command needs

    command = [sys.executable, "-m", "training.scenes", "--seed", str(scene), "--count", "1", "--kind", kind]
    command += ["--out", str(folder.resolve())]
    drawn = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if drawn.returncode:
        reason = drawn.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DemoFailed(f"the scene could not be drawn (run this in a checkout of the project): {reason[0]}")
    caption = json.loads((folder / "captions.json").read_text())[0]["caption"]
    pictures = Pictures(folder / "0000.png", folder / "half.png", folder / "result.png", caption)
    truth = montage.load(pictures.truth)
    _, hole = montage.left_and_hole(truth.size, FRACTION)
    montage.without(truth, hole).save(pictures.half)
    return pictures


def run_twice(pictures: Pictures, seed: int) -> tuple[Run, Run]:
    """Start the service, run the job twice, stop the service. Its logs are kept only if something fails."""
    folder = Path(tempfile.mkdtemp(prefix="inlay-demo-"))
    service = EmbeddedService(folder, port=0, stopping=threading.Event())
    try:
        with stop_signals(service), service:
            console.print(f"starting Redis, worker and API at {service.url} …")
            started = time.monotonic()
            service.wait_until_ready(READY_TIMEOUT_S)
            console.print(f"ready after {time.monotonic() - started:.1f} s")
            with Client(service.url) as client:
                first = run_job(client, service, pictures, seed)
                console.print("the same job again, on the warm service:")
                second = run_job(client, service, pictures, seed)
    except Exception:
        console.print(f"logs: {folder}", markup=False)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return first, second


def run_job(client: Client, service: EmbeddedService, pictures: Pictures, seed: int) -> Run:
    """Submit the half picture, show progress, fetch the whole one. Raises `JobFailed`, `Stopped`."""
    started = time.monotonic()
    submitted = client.complete(pictures.half, keep="left", fraction=FRACTION, prompt=pictures.caption, seed=seed)
    job = ended_well(watch(_states(client, service, submitted.id)))
    return Run(job, client.result(job.id), time.monotonic() - started)


def _states(client: Client, service: EmbeddedService, job_id: str) -> Iterator[Job]:
    """The job's states until it is final, the service's processes being looked after meanwhile."""
    while True:
        job = client.get(job_id)
        yield job
        if job.final:
            return
        for sentence in service.tend():
            console.print(sentence, markup=False)
        if service.stopping.wait(POLL_S):
            raise Stopped


def compare(pictures: Pictures, runs: tuple[Run, Run], output: Path) -> None:
    """Measure the result against the truth, write the sheet, print the numbers. Raises `DemoFailed`."""
    from inlay import montage  # see draw_scene

    truth, half, result = (montage.load(path) for path in (pictures.truth, pictures.half, pictures.result))
    if result.size != truth.size:
        raise DemoFailed(f"the result has {result.size} px, not {truth.size}")
    known, hole = montage.left_and_hole(truth.size, FRACTION)
    hole_psnr_db = montage.psnr_db(result, truth, hole)
    known_difference = montage.max_difference(result, truth, known)
    first, second = runs
    panels = [
        ("input: the left half", montage.hatched(half, hole)),
        ("result", result),
        ("truth (never submitted)", truth),
    ]
    footer = f"“{pictures.caption}”: hole {hole_psnr_db:.2f} dB, {first.job.timings.nfe} network evaluations"
    montage.side_by_side(panels, footer).save(output)
    table = Table("measured", "value", box=None)
    table.add_row("hole PSNR against the truth", f"{hole_psnr_db:.2f} dB")
    table.add_row("largest difference of a known pixel", f"{known_difference} of 255")
    table.add_row("network evaluations (NFE)", str(first.job.timings.nfe))
    table.add_row("first job, submitted to fetched", f"{first.seconds:.2f} s")
    table.add_row("second job, warm", f"{second.seconds:.2f} s")
    table.add_row("seed", str(first.job.seed))
    table.add_row("second picture identical", "yes" if first.png == second.png else "no")
    console.print(table)
    if known_difference:
        raise DemoFailed(f"known pixels came back changed, by up to {known_difference} of 255")
