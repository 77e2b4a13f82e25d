"""What every command that submits does: submit, follow, write the pictures, say where they are."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from inlay.client import Client
from inlay.errors import WaitTimeout
from inlay.inline_pictures import show
from inlay.models import Job
from inlay.options import Delivery
from inlay.states import states
from inlay.terminal import console, errors_as_exit_status, print_json, watch
from inlay.waiting import ended_well

POLL_S = 0.25


def submit_and_fetch(
    task: str, parameters: dict[str, Any], pictures: dict[str, Path | None], delivery: Delivery
) -> None:
    """Submit, follow with progress, write the pictures, show them and print their paths (or the job as JSON)."""
    parameters = {**parameters, "output": delivery.encoding()}
    with service_at(delivery.url, delivery.as_json) as client:
        job = client.submit(task, parameters, **pictures)
        if delivery.no_wait:
            print_json(job.raw) if delivery.as_json else typer.echo(job.id)
            return
        job = _followed(client, job.id, delivery)
        written = [
            _target(delivery.output, task, pictures.get("image") or pictures.get("reference"), job, i)
            for i in range(_count(job))
        ]
        for index, path in enumerate(written):
            path.write_bytes(client.result(job.id, index))
    if delivery.as_json:
        print_json({**job.raw, "files": [str(path) for path in written]})
        return
    for path in written:
        if delivery.show and not delivery.quiet:
            show(path.read_bytes(), sys.stdout)
        typer.echo(path)


@contextmanager
def service_at(url: str, as_json: bool) -> Iterator[Client]:
    """A client of the service at `url`; what goes wrong meanwhile becomes the exit status."""
    with errors_as_exit_status(as_json=as_json), Client(url) as client:
        yield client


def _followed(client: Client, job_id: str, delivery: Delivery) -> Job:
    """The job when it has succeeded, its progress shown. Raises `JobFailed`, `JobCanceled`, `WaitTimeout`."""
    try:
        return ended_well(watch(_until(client, job_id, delivery.timeout_s), quiet=delivery.quiet))
    except KeyboardInterrupt:
        console.print(f"the job goes on; to stop it: inlay cancel {job_id}", markup=False)
        raise


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
