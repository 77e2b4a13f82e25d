"""Commands about jobs that there are: list them, look at one, fetch its pictures, stop it, delete it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, cast

import typer

from inlay.choices import State
from inlay.commands.delivery import service_at
from inlay.commands.target import check_alone, check_file, is_standard_output, write
from inlay.connecting import DEFAULT_URL
from inlay.inline_pictures import show
from inlay.models import Job, JobState
from inlay.options import AsJson, Show, Url
from inlay.terminal import detail, print_json

LARGEST_PAGE = 100
"""Jobs that the service lists at once."""

JobId = Annotated[str, typer.Argument(help="The job's id.")]


def jobs(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List your jobs that are still kept, newest first: state, task, age and id."""
    with service_at(url, as_json) as client:
        wanted = cast("JobState | None", state and state.value)
        found = list(islice(client.jobs(state=wanted, page_size=min(limit, LARGEST_PAGE)), limit))
    if as_json:
        print_json({"jobs": [job.raw for job in found]})
        return
    now = datetime.now(UTC)
    for job in found:
        typer.echo(f"{job.state:9}  {job.task:8}  {age(job, now):>4}  {job.id}")


def status(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Say where a job is."""
    with service_at(url, as_json) as client:
        _tell(client.get(job_id), as_json)


def cancel(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Stop a job; a running one stops within one network evaluation."""
    with service_at(url, as_json) as client:
        _tell(client.cancel(job_id), as_json)


def delete(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Stop a job and delete everything about it, its pictures included."""
    with service_at(url, as_json) as client:
        client.delete(job_id)
    print_json({"id": job_id, "deleted": True}) if as_json else typer.echo("deleted")


def result(
    job_id: JobId,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the picture goes; - for stdout.")],
    index: Annotated[int, typer.Option(min=0, help="Which of the job's pictures.")] = 0,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    shown: Show = True,
) -> None:
    """Fetch a finished job's picture."""
    with service_at(url, as_json) as client:
        if is_standard_output(output):
            check_alone(as_json=as_json)
        else:
            check_file(output)
        picture = client.result(job_id, index)
        write(picture, output)
    if as_json:
        print_json({"id": job_id, "files": [str(output)]})
    elif not is_standard_output(output):
        if shown:
            show(picture, sys.stdout)
        typer.echo(output)


def age(job: Job, now: datetime) -> str:
    """How long ago the job was submitted, in its largest whole unit: 42s, 3m, 2h, 5d; `-` if the service is silent."""
    if job.created_at is None:
        return "-"
    seconds = max(0, int((now - job.created_at).total_seconds()))
    for unit, length_s in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s}{unit}"
    return f"{seconds}s"


def _tell(job: Job, as_json: bool) -> None:
    print_json(job.raw) if as_json else typer.echo(f"{job.state} {detail(job)}".rstrip())
