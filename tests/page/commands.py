"""Runs a command that was copied from the page, as a terminal would."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RunCommand = Callable[[str, Mapping[str, bytes]], dict[str, Any]]


def run(command: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The job that it answers with; it is run beside `files`, and may leave nothing there or among temporary files."""
    with tempfile.TemporaryDirectory() as whole:
        here, temporary = Path(whole, "here"), Path(whole, "temporary")
        for folder in (here, temporary):
            folder.mkdir()
        for name, content in files.items():
            (here / name).write_bytes(content)
        ran = subprocess.run(
            ["bash", "-euc", command],
            cwd=here,
            env={**os.environ, "NO_PROXY": "*", "TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert {path.name for path in here.iterdir()} == set(files), "it leaves nothing where it is run"
        assert list(temporary.iterdir()) == [], "it takes its temporary files away"
    job: dict[str, Any] = json.loads(ran.stdout)
    return job
