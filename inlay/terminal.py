"""What the command line shows: progress and results; and the exit statuses."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from inlay.errors import InlayError
from inlay.models import Job

# Data goes to stdout, everything for eyes to stderr, so that output can be piped.
console = Console(stderr=True, highlight=False)


class ExitStatus(IntEnum):
    """Exit statuses of `inlay`, each with its meaning; part of its contract with scripts."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        """The number itself, with its meaning beside it."""
        status = int.__new__(cls, number)
        status._value_ = number
        status.meaning = meaning
        return status

    SUCCESS = 0, "done"
    FAILURE = 1, "anything else went wrong: the service's own fault, a file, a program that is missing"
    USAGE = 2, "wrong usage: an option or a value that there is not"
    UNREACHABLE = 3, "no answer from the service"
    REFUSED = 4, "the service refused the request"
    JOB_FAILED = 5, "the job failed"
    JOB_CANCELED = 6, "the job was canceled"
    TIMEOUT = 7, "the job had not ended after --timeout; it goes on"
    INTERRUPTED = 128 + signal.SIGINT, "interrupted"


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def watch(states: Iterable[Job], *, quiet: bool = False) -> Job:
    """Show a job's states as they come and return the last; a bar on a terminal, else a line per change."""
    if quiet:
        *_, job = (None, *states)
        return _last(job)
    return _watch_with_bar(states) if console.is_terminal else _watch_in_lines(states)


def _watch_with_bar(states: Iterable[Job]) -> Job:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("submitted", total=None, detail="")
        job: Job | None = None
        for job in states:
            done = job.progress.steps if job.state == "succeeded" else job.progress.step
            bar.update(
                shown, description=job.state, completed=done, total=job.progress.steps or None, detail=detail(job)
            )
    return _last(job)


def _watch_in_lines(states: Iterable[Job]) -> Job:
    job: Job | None = None
    shown = ""
    for job in states:
        line = f"{job.state:9} {detail(job)}".rstrip()
        if line != shown:
            console.print(line, markup=False)
        shown = line
    return _last(job)


def _last(job: Job | None) -> Job:
    if job is None:
        raise InlayError("the job was not seen in any state")
    return job


def detail(job: Job) -> str:
    """Where the job is: its place in the queue, its step and ETA, or what it took."""
    if job.state == "queued":
        return "" if job.queue_position is None else f"{job.queue_position} before it"
    if job.state == "running":
        eta = "" if job.progress.eta_s is None else f", {job.progress.eta_s:.0f} s to go"
        return f"step {job.progress.step}/{job.progress.steps}{eta}"
    if job.state == "succeeded" and job.timings.run_s is not None:
        return f"{job.timings.run_s:.1f} s, {job.timings.nfe} network evaluations"
    return job.error.detail if job.error else ""
