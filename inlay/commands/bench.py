"""`inlay bench`: run a benchmark of the checkout, in a process of this Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from inlay.complaints import errors_as_exit_status
from inlay.errors import InlayError
from inlay.terminal import ExitStatus, console

PROJECT = Path(__file__).resolve().parents[2]
RUNNABLE = '__name__ == "__main__"'
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class NoBenchmarks(InlayError):
    """There is no checkout of the project to take benchmarks from."""


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="quality, solvers, …; its own options follow, --help among them.")] = "",
) -> None:
    """Run a benchmark of this checkout with its own options; without a name, list them."""
    with errors_as_exit_status():
        checkout = find_checkout(Path.cwd())
        known = benchmarks_in(checkout)
        if name in ("", "--help"):
            console.print(f"{context.command_path} NAME [OPTIONS]: runs one of {', '.join(known)}", markup=False)
            raise typer.Exit
        if name not in known:
            raise typer.BadParameter(f"no benchmark is called {name}; there are {', '.join(known)}", param_hint="NAME")
        command = [sys.executable, "-m", f"benchmarks.{name}", *context.args]
        ended = subprocess.run(command, env=environment(checkout), check=False)
    if ended.returncode < 0:  # by a signal: Ctrl-C reaches the benchmark, too
        raise typer.Exit(ExitStatus.INTERRUPTED)
    raise typer.Exit(ended.returncode)


def find_checkout(here: Path) -> Path:
    """The folder with the package `benchmarks`: `here`, one above it, or where this package lies.

    Raises `NoBenchmarks`, saying where to get it.
    """
    for folder in (here, *here.parents, PROJECT):
        if (folder / "benchmarks" / "__init__.py").is_file() and (folder / "inlay").is_dir():
            return folder
    raise NoBenchmarks(
        "the benchmarks are not part of the installed package: run this in a checkout, after make install"
    )


def benchmarks_in(checkout: Path) -> list[str]:
    """Names of the modules that are command lines."""
    modules = sorted((checkout / "benchmarks").glob("*.py"))
    return [module.stem for module in modules if RUNNABLE in module.read_text()]


def environment(checkout: Path) -> dict[str, str]:
    """This process's, with the checkout first among the places that modules come from."""
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), *([before] if before else [])])}
