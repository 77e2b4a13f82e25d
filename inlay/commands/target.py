"""Where a picture goes: a file, or standard output. Looked at before anything is sent: no job shall be for nothing."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import typer

STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def is_standard_output(output: Path | None) -> bool:
    """Whether `--output` means standard output: then nothing but the picture may be written there."""
    return output is not None and str(output) in STANDARD_OUTPUT


def check_alone(*, as_json: bool) -> None:
    """Raises `typer.BadParameter` if standard output is promised to JSON, too."""
    if as_json:
        raise typer.BadParameter("standard output is taken by --json", param_hint="-o")


def check_file(path: Path) -> None:
    """Raises `OSError` if a file at `path` cannot be written: no such folder, a folder itself, or not allowed."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder", str(path))
    if not path.exists():
        check_folder(path.parent)
    elif not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "this file must not be written", str(path))


def check_folder(folder: Path) -> None:
    """Raises `OSError` if there is no such folder, or no file may be made in it."""
    if not folder.exists():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "this is no folder", str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no file may be made in this folder", str(folder))


def write(picture: bytes, path: Path) -> None:
    """Write a picture where it goes. Raises `OSError`."""
    if is_standard_output(path):
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
    else:
        path.write_bytes(picture)
