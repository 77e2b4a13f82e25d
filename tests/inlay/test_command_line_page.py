"""docs/command-line.md knows every command, exit status and variable."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import typer

from inlay import inline_pictures
from inlay.cli import app
from inlay.terminal import ExitStatus

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
COMMANDS = [str(one.name) for one in app.registered_commands]


def test_every_exit_status_is_in_the_table_with_its_meaning() -> None:
    table = PAGE.partition("## Exit status")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE)
    assert rows == [(str(int(one)), one.meaning) for one in ExitStatus]


@pytest.mark.parametrize("command", [*COMMANDS, "keys new", "keys webhook"])
def test_every_command_is_named(command: str) -> None:
    table = PAGE.partition("| command |")[2].partition("```")[0]
    assert re.search(rf"`(inlay )?{command}\b", table)


def test_commands_in_examples_have_options_that_exist() -> None:
    for line in re.findall(r"^\$ inlay (\w+)(.*)", PAGE, re.MULTILINE):
        command, options = line
        parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
        known = {name for parameter in parameters for name in parameter.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", options.partition("|")[0])) <= known, line


def test_every_variable_that_tells_what_a_terminal_can_is_named() -> None:
    looked_at = re.findall(r'"([A-Z_]{4,})"', inspect.getsource(inline_pictures.way_of))
    assert looked_at
    for name in looked_at:
        assert f"`{name}`" in PAGE or name.lower() in PAGE, name
