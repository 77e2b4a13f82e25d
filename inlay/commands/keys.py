"""`inlay keys`: make the API keys of a service, which has only their hashes, and secrets that sign its webhooks."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import stat
from pathlib import Path
from typing import Annotated

import typer

from inlay.complaints import errors_as_exit_status
from inlay.options import AsJson
from inlay.terminal import console, print_json

KEY_BYTES = 32
"""Random bytes of a key: too many to be searched for, so that a plain hash hides it."""
SECRET_BYTES = 32
"""Random bytes of a webhook secret; Standard Webhooks allows 24 to 64."""
OWNERS_MODE = 0o600
"""The most that a file with a secret in it may allow."""
_NAME = re.compile(r"(?!anonymous$)[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)

app = typer.Typer(
    help="Make API keys, and secrets that sign webhooks, for a service that asks for keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit; not 'anonymous'")
    return name


KeysFile = Annotated[
    Path | None, typer.Option(dir_okay=False, help="File of keys (INLAY_API_KEYS_FILE) to add the line to.")
]


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(callback=_checked_name, help="Whose key it is; jobs belong to this name.")],
    file: KeysFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a new API key, this once, and the line with its hash, or add the line to a file."""
    key = f"inlay_{secrets.token_urlsafe(KEY_BYTES)}"
    line = f"{name}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    with errors_as_exit_status(as_json=as_json):
        if file is not None:
            add_line(file, line)
    if as_json:
        print_json({"name": name, "key": key, "line": line, "file": file and str(file)})
        return
    _tell(key, line, file, f"its hash is in {file}; the key itself is shown only now")


@app.command("webhook")
def webhook(
    name: Annotated[str, typer.Argument(callback=_checked_name, help="Whose webhooks it signs.")],
    file: KeysFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a new secret for the receiver of webhooks, and the line with it, or add the line to a file."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    line = f"{name}:webhook:{secret}"
    with errors_as_exit_status(as_json=as_json):
        if file is not None:
            add_line(file, line, secret=True)
    if as_json:
        print_json({"name": name, "secret": secret, "line": line, "file": file and str(file)})
        return
    _tell(
        secret, line, file, f"it is in {file} as it is, which only its owner may read: that must be the service's user"
    )


def add_line(file: Path, line: str, *, secret: bool = False) -> None:
    """Append a line to a file, which is made if need be; with a `secret` in it, its owner alone may read it.

    Raises `OSError`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if secret:
        file.touch(OWNERS_MODE)
        file.chmod(stat.S_IMODE(file.stat().st_mode) & OWNERS_MODE)  # before the secret is in it
    with file.open("a+", encoding="utf-8") as lines:
        lines.seek(0)
        before = lines.read()
        lines.write(line + "\n" if not before or before.endswith("\n") else f"\n{line}\n")


def _tell(made: str, line: str, file: Path | None, kept: str) -> None:
    """Print what was made; then its line on stdout, or on stderr how it is `kept` in the file."""
    typer.echo(made)
    if file is None:
        console.print("the line for the file that INLAY_API_KEYS_FILE names:", markup=False)
        typer.echo(line)
    else:
        console.print(kept, markup=False)
