"""Commands that use a running service: submit a job and fetch its pictures, look at a job, stop one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from inlay.client import Client
from inlay.connecting import DEFAULT_URL
from inlay.errors import WaitTimeout
from inlay.models import Job
from inlay.options import (
    AsJson,
    Delivery,
    KeptSide,
    MaskPolarity,
    Picture,
    Sampling,
    Url,
    with_shared_options,
)
from inlay.states import states
from inlay.terminal import console, detail, errors_as_exit_status, print_json, watch
from inlay.waiting import ended_well

POLL_S = 0.25
JobId = Annotated[str, typer.Argument(help="The job's id.")]


@with_shared_options
def complete(
    picture: Picture,
    keep: Annotated[KeptSide, typer.Option(help="The side that is known.")],
    sampling: Sampling,
    delivery: Delivery,
    fraction: Annotated[float, typer.Option(help="How much of the picture is known, 0.1 to 0.9.")] = 0.5,
) -> None:
    """Keep one side of a picture and draw the rest."""
    parameters = {"keep": keep.value, "fraction": fraction, **sampling.parameters()}
    submit_and_fetch("complete", parameters, {"image": picture}, delivery)


@with_shared_options
def inpaint(
    picture: Picture,
    sampling: Sampling,
    delivery: Delivery,
    mask: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Mask file, white where to paint [default: transparency]."),
    ] = None,
    mask_polarity: Annotated[MaskPolarity, typer.Option(help="What white means.")] = MaskPolarity.WHITE_REPAINTS,
    mask_feather_px: Annotated[int, typer.Option(help="Width of the soft edge inside the hole.")] = 0,
    mask_resize: Annotated[bool, typer.Option(help="Fit a mask of another size to the picture.")] = False,
) -> None:
    """Repaint the masked part of a picture."""
    parameters = {
        "mask_polarity": mask_polarity.value,
        "mask_feather_px": mask_feather_px,
        "mask_resize": mask_resize,
        **sampling.parameters(),
    }
    submit_and_fetch("inpaint", parameters, {"image": picture, "mask": mask}, delivery)


@with_shared_options
def generate(
    sampling: Sampling,
    delivery: Delivery,
    width_px: Annotated[int | None, typer.Option("--width", help="[default: the model's own]")] = None,
    height_px: Annotated[int | None, typer.Option("--height", help="[default: the model's own]")] = None,
) -> None:
    """Draw a picture from the prompt alone."""
    parameters = {"width_px": width_px, "height_px": height_px, **sampling.parameters()}
    submit_and_fetch("generate", parameters, {}, delivery)


def status(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Say where a job is."""
    with _client(url, as_json) as client:
        _show(client.get(job_id), as_json)


def cancel(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Stop a job; a running one stops within one network evaluation."""
    with _client(url, as_json) as client:
        _show(client.cancel(job_id), as_json)


def result(
    job_id: JobId,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the picture goes.")],
    index: Annotated[int, typer.Option(min=0, help="Which of the job's pictures.")] = 0,
    url: Url = DEFAULT_URL,
) -> None:
    """Fetch a finished job's picture."""
    with _client(url, as_json=False) as client:
        output.write_bytes(client.result(job_id, index))
    typer.echo(output)


def submit_and_fetch(
    task: str, parameters: dict[str, Any], pictures: dict[str, Path | None], delivery: Delivery
) -> None:
    """Submit, follow with progress, write the pictures, print their paths (or the job as JSON)."""
    with _client(delivery.url, delivery.as_json) as client:
        job = client.submit(task, parameters, **pictures)
        if delivery.no_wait:
            print_json(job.raw) if delivery.as_json else typer.echo(job.id)
            return
        try:
            job = ended_well(watch(_until(client, job.id, delivery.timeout_s)))
        except KeyboardInterrupt:
            console.print(f"the job goes on; to stop it: inlay cancel {job.id}", markup=False)
            raise
        written = [
            _target(delivery.output, task, pictures.get("image") or pictures.get("reference"), job, i)
            for i in range(_count(job))
        ]
        for index, path in enumerate(written):
            path.write_bytes(client.result(job.id, index))
    if delivery.as_json:
        print_json({**job.raw, "files": [str(path) for path in written]})
    else:
        typer.echo("\n".join(str(path) for path in written))


def _until(client: Client, job_id: str, timeout_s: float | None) -> Iterator[Job]:
    """The job's states until it is final. Raises `WaitTimeout`."""
    started = time.monotonic()
    for job in states(client, job_id, interval_s=POLL_S, timeout_s=timeout_s):
        yield job
        if timeout_s is not None and not job.final and time.monotonic() - started > timeout_s:
            raise WaitTimeout(job, timeout_s)


def _target(output: Path | None, task: str, image: Path | None, job: Job, index: int) -> Path:
    """The file of picture `index`: `--output`, else `PICTURE-complete.png` beside the input; numbered if several."""
    suffix = "." + job.parameters["output"]["format"].replace("jpeg", "jpg")
    base = image.with_name(f"{image.stem}-{task}{suffix}") if image else Path(f"{task}-{job.id}{suffix}")
    path = output or base
    return path if _count(job) == 1 else path.with_name(f"{path.stem}-{index}{path.suffix}")


def _count(job: Job) -> int:
    return int(job.parameters.get("n", 1))


def _show(job: Job, as_json: bool) -> None:
    print_json(job.raw) if as_json else typer.echo(f"{job.state} {detail(job)}".rstrip())


@contextmanager
def _client(url: str, as_json: bool) -> Iterator[Client]:
    with errors_as_exit_status(as_json=as_json), Client(url) as client:
        yield client
