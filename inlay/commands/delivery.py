"""What every command that submits does: submit, follow, write the pictures, say where they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from inlay.client import Client
from inlay.commands.target import check_alone, check_file, check_folder, is_standard_output, write
from inlay.complaints import AfterSubmission, errors_as_exit_status
from inlay.errors import InlayError, JobCanceled, JobFailed
from inlay.inline_pictures import show
from inlay.models import Job
from inlay.options import Delivery
from inlay.states import states
from inlay.terminal import console, print_json, watch
from inlay.waiting import ended_well

POLL_S = 0.25


def submit_and_fetch(
    task: str, parameters: dict[str, Any], pictures: dict[str, Path | None], delivery: Delivery
) -> None:
    """Submit, follow with progress, write the pictures, show them and print their paths (or the job as JSON)."""
    parameters = {**parameters, "output": delivery.encoding()}
    picture = pictures.get("image") or pictures.get("reference")
    if not delivery.no_wait:
        _check_target(delivery, picture, parameters.get("n", 1))
    with Client(delivery.url) as client:
        job = client.submit(task, parameters, **pictures)
        if delivery.no_wait:
            print_json(job.raw) if delivery.as_json else typer.echo(job.id)
            return
        with _to_be_fetched_later(job.id):
            seen = states(client, job.id, interval_s=POLL_S, timeout_s=delivery.timeout_s)
            job = ended_well(watch(seen, quiet=delivery.quiet))
            written = [_target(delivery.output, task, picture, job, index) for index in range(_count(job))]
            for index, path in enumerate(written):
                write(client.result(job.id, index), path)
    _tell(job, written, delivery)


@contextmanager
def service_at(url: str, as_json: bool) -> Iterator[Client]:
    """A client of the service at `url`; what goes wrong meanwhile becomes the exit status."""
    with errors_as_exit_status(as_json=as_json), Client(url) as client:
        yield client


def _check_target(delivery: Delivery, picture: Path | None, count: int) -> None:
    """Raises `OSError` if the results could not be written, `typer.BadParameter` if they could not be told apart."""
    if is_standard_output(delivery.output):
        check_alone(as_json=delivery.as_json)
        if count > 1:
            raise typer.BadParameter("standard output takes one picture", param_hint="-o")
    elif delivery.output is not None and count == 1:
        check_file(delivery.output)
    else:
        check_folder((delivery.output or picture or Path("picture")).parent)


@contextmanager
def _to_be_fetched_later(job_id: str) -> Iterator[None]:
    """Whatever ends the waiting for a job that goes on, its id is told, and how to get what it makes.

    Raises `AfterSubmission` for errors; those of the job itself name it, and leave nothing to be fetched.
    """
    try:
        yield
    except KeyboardInterrupt:
        told = f"the job goes on; to stop it: inlay cancel {job_id}; to fetch it later: inlay result {job_id} -o FILE"
        console.print(told, markup=False, soft_wrap=True)
        raise
    except (JobFailed, JobCanceled):
        raise
    except (InlayError, OSError) as error:
        raise AfterSubmission(job_id, error) from error


def _tell(job: Job, written: list[Path], delivery: Delivery) -> None:
    """Show the pictures and print their paths, or the job as JSON; nothing where they went to standard output."""
    if delivery.as_json:
        print_json({**job.raw, "files": [str(path) for path in written]})
    elif not is_standard_output(delivery.output):
        for path in written:
            if delivery.show and not delivery.quiet:
                show(path.read_bytes(), sys.stdout)
            typer.echo(path)


def _target(output: Path | None, task: str, image: Path | None, job: Job, index: int) -> Path:
    """The file of picture `index`: `--output`, else `PICTURE-complete.png` beside the input; numbered if several."""
    suffix = "." + job.parameters["output"]["format"].replace("jpeg", "jpg")
    base = image.with_name(f"{image.stem}-{task}{suffix}") if image else Path(f"{task}-{job.id}{suffix}")
    path = output or base
    return path if _count(job) == 1 else path.with_name(f"{path.stem}-{index}{path.suffix}")


def _count(job: Job) -> int:
    return int(job.parameters.get("n", 1))
