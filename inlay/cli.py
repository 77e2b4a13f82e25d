"""Complete, repaint, enlarge, colour and sharpen pictures: run the service (`up`, `demo`) or use one that runs."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from inlay.commands import bench, demo, draw, jobs, keys, restore, up
from inlay.terminal import ExitStatus
from inlay.usage import Commands

# The mark keeps click from filling the lines up.
EXIT_STATUSES = "\b\nExit status:\n" + "\n".join(f"  {status:3}  {status.meaning}" for status in ExitStatus)

app = typer.Typer(
    cls=Commands,
    help=__doc__,
    epilog=EXIT_STATUSES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.add_typer(keys.app, name="keys")
app.command("demo")(demo.demo)
app.command("complete")(draw.complete)
app.command("inpaint")(draw.inpaint)
app.command("outpaint")(restore.outpaint)
app.command("upscale")(restore.upscale)
app.command("colorize")(restore.colorize)
app.command("deblur")(restore.deblur)
app.command("style")(restore.style)
app.command("generate")(draw.generate)
app.command("jobs")(jobs.jobs)
app.command("status")(jobs.status)
app.command("result")(jobs.result)
app.command("cancel")(jobs.cancel)
app.command("delete")(jobs.delete)
app.command("bench", context_settings=bench.PASS_ON)(bench.bench)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("inlay"))
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that stand before a command."""
