"""Complete, repaint, enlarge, colour and sharpen pictures: run the service (`up`, `demo`) or use one that runs.

Exit status: 0 success, 1 other failure, 2 wrong usage, 3 service unreachable, 4 request refused, 5 job failed,
6 job canceled, 7 waited too long, 130 interrupted.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from inlay.commands import bench, demo, jobs, keys, restore, up

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
app.command("up")(up.up)
app.add_typer(keys.app, name="keys")
app.command("demo")(demo.demo)
app.command("complete")(jobs.complete)
app.command("inpaint")(jobs.inpaint)
app.command("outpaint")(restore.outpaint)
app.command("upscale")(restore.upscale)
app.command("colorize")(restore.colorize)
app.command("deblur")(restore.deblur)
app.command("style")(restore.style)
app.command("generate")(jobs.generate)
app.command("status")(jobs.status)
app.command("result")(jobs.result)
app.command("cancel")(jobs.cancel)
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
