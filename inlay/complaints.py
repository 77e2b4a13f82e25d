"""What went wrong, for eyes and for programs: one line or one JSON object, and the exit status that fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from inlay.embedded import StartFailed, Stopped
from inlay.errors import (
    ConnectionFailed,
    InlayError,
    JobCanceled,
    JobFailed,
    Problem,
    ProblemError,
    Refused,
    WaitTimeout,
)
from inlay.redis_server import RedisNotInstalled
from inlay.terminal import ExitStatus, console, print_json


class AfterSubmission(InlayError):
    """The job is there and goes on, but something else went wrong: `cause`. Its pictures can be fetched later."""

    def __init__(self, job_id: str, cause: InlayError | OSError) -> None:
        super().__init__(str(cause))
        self.job_id = job_id
        self.cause = cause

    @property
    def fetch(self) -> str:
        """The command that fetches a picture later."""
        return f"inlay result {self.job_id} -o FILE"


def exit_status(error: Exception) -> ExitStatus:
    """The exit status that tells a script which kind of error this was."""
    if isinstance(error, AfterSubmission):
        return exit_status(error.cause)
    kinds: tuple[tuple[type[Exception], ExitStatus], ...] = (
        (ConnectionFailed, ExitStatus.UNREACHABLE),
        (Refused, ExitStatus.REFUSED),
        (JobFailed, ExitStatus.JOB_FAILED),
        (JobCanceled, ExitStatus.JOB_CANCELED),
        (WaitTimeout, ExitStatus.TIMEOUT),
        (Stopped, ExitStatus.INTERRUPTED),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), ExitStatus.FAILURE)


@contextmanager
def errors_as_exit_status(*, as_json: bool = False, options: Mapping[str, str] | None = None) -> Iterator[None]:
    """Show what this package raises as one line (or one JSON object on stdout) and exit accordingly.

    `options` are the command's, by the service's fields, for sentences that name fields; JSON keeps those names.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(ExitStatus.INTERRUPTED) from None
    except (InlayError, StartFailed, Stopped, RedisNotInstalled, OSError) as error:
        if as_json:
            print_json({"error": describe(error)})
        elif told := _told(error, options or {}):
            console.print(f"error: {told}", style="bold red", markup=False, soft_wrap=True)
            if isinstance(error, AfterSubmission):
                told = f"job {error.job_id} was accepted; to fetch it later: {error.fetch}"
                console.print(told, markup=False, soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


def describe(error: Exception) -> dict[str, Any]:
    """An error for programs: its kind, its sentence, and the service's own code where there is one."""
    if isinstance(error, AfterSubmission):
        return describe(error.cause) | {"job_id": error.job_id, "fetch": error.fetch}
    described: dict[str, Any] = {"kind": type(error).__name__, "detail": str(error)}
    if isinstance(error, ProblemError):
        described |= {"code": error.problem.code, "status": error.problem.status, "pointer": error.problem.pointer}
    if isinstance(error, JobFailed | JobCanceled | WaitTimeout):
        described |= {"job": error.job.raw}
    return described


def with_options(problem: Problem, options: Mapping[str, str]) -> str:
    """The problem's sentence, with the command's options where the service names its fields."""
    told = problem.detail or problem.title
    field = (problem.pointer or "").removeprefix("/")
    named = _option(field, options)
    if named and told.startswith(field):
        told = named + told.removeprefix(field)
    # A name of one word (`steps`) may be just a word further on; one with a `_` is always a field.
    fields = "|".join(re.escape(name) for name in options if "_" in name)
    told = re.sub(rf"\b(?:{fields})\b", lambda found: options[found[0]], told) if fields else told
    where = f" (at {named or problem.pointer})" if field and (named or field) not in told else ""
    return f"{told}{where} [{problem.status} {problem.code}]"


def _option(field: str, options: Mapping[str, str]) -> str | None:
    """The option for a field as in a JSON pointer: `output/quality` and `metadata/KEY` are options' values, too."""
    name, _, rest = field.partition("/")
    if name == "output":
        return options.get(rest)
    return f"{options[name]} {rest}".rstrip() if name in options else None


def _told(error: Exception, options: Mapping[str, str]) -> str:
    return with_options(error.problem, options) if isinstance(error, ProblemError) and options else str(error)
