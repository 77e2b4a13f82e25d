"""Words are completed as in the shells of those who type them; bash itself is asked, the others by their protocol."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
SCRIPTS = Path(sys.executable).parent
INLAY = str(SCRIPTS / "inlay")
OFFERED = {
    "inlay co": {"complete", "colorize"},
    "inlay complete photo.jpg --keep ": {"left", "right", "top", "bottom"},
    "inlay jobs --sta": {"--state"},
    "inlay complete photo.jpg --me": {"--metadata"},
    "inlay generate --format ": {"png", "webp", "jpeg"},
}


@pytest.fixture
def bash(missing_system_part: Callable[[str], NoReturn], tmp_path: Path) -> Callable[[str], str]:
    """Runs a script in bash, with an empty home and `inlay` on the path."""
    if shutil.which("bash") is None:
        missing_system_part("bash")
    environ = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "--norc", "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    return run


def test_bash_completes_commands_options_and_choices(bash: Callable[[str], str]) -> None:
    (line_of_bashrc,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    script = line_of_bashrc + "complete -p inlay\n"
    for line in OFFERED:
        words = line.split(" ")
        script += f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}\n"
        script += "_inlay_completion inlay; printf '%s,' \"${COMPREPLY[@]}\"; echo\n"
    registered, *answers = bash(script).splitlines()
    assert registered.endswith("-F _inlay_completion inlay")
    assert [set(answer.strip(",").split(",")) for answer in answers] == list(OFFERED.values())


def test_completion_is_shown_and_installed_for_the_shell_that_asks(bash: Callable[[str], str], tmp_path: Path) -> None:
    told = bash("cat <(inlay --show-completion); inlay --install-completion; :")
    assert "complete -o default -F _inlay_completion inlay" in told
    assert "bash completion installed in" in told
    installed = tmp_path / ".bash_completions" / "inlay.sh"
    assert str(installed) in (tmp_path / ".bashrc").read_text()
    assert "_inlay_completion" in installed.read_text()


@pytest.mark.parametrize(("shell", "changes"), [("zsh", {}), ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"})])
def test_zsh_and_fish_get_scripts_and_answers_with_descriptions(shell: str, changes: dict[str, str]) -> None:
    def asked(**variables: str) -> str:
        done = subprocess.run(
            [INLAY], env=os.environ | variables, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    assert f"complete_{shell}" in asked(_INLAY_COMPLETE=f"source_{shell}")
    answers = asked(_INLAY_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_ARGS="inlay up", **changes)
    assert "upscale" in answers
    assert "Enlarge a small picture" in answers
    assert "colorize" not in answers
