"""`inlay keys`: make the API keys of a service, which has only their hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from inlay.terminal import console, errors_as_exit_status

KEY_BYTES = 32
"""Random bytes of a key: too many to be searched for, so that a plain hash hides it."""
_NAME = re.compile(r"(?!anonymous$)[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)

app = typer.Typer(help="Make API keys for a service that asks for them.", no_args_is_help=True, rich_markup_mode=None)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit; not 'anonymous'")
    return name


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(callback=_checked_name, help="Whose key it is; jobs belong to this name.")],
    file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File of keys (INLAY_API_KEYS_FILE) to add the line to.")
    ] = None,
) -> None:
    """Print a new API key, this once, and the line with its hash, or add the line to a file."""
    key = f"inlay_{secrets.token_urlsafe(KEY_BYTES)}"
    line = f"{name}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    with errors_as_exit_status():
        if file is not None:
            add_line(file, line)
    typer.echo(key)
    if file is None:
        console.print("the line for the file that INLAY_API_KEYS_FILE names:", markup=False)
        typer.echo(line)
    else:
        console.print(f"its hash is in {file}; the key itself is shown only now", markup=False)


def add_line(file: Path, line: str) -> None:
    """Append a line to a file, which is made if need be. Raises `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as lines:
        lines.seek(0)
        before = lines.read()
        lines.write(line + "\n" if not before or before.endswith("\n") else f"\n{line}\n")
