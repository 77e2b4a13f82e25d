"""`inlay bench` hands its arguments to a benchmark of the checkout, and its exit status back."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from inlay.cli import app
from inlay.terminal import ExitStatus

HELLO = """
import sys
from pathlib import Path
if __name__ == "__main__":
    Path(sys.argv[1]).write_text(" ".join(sys.argv[2:]))
    sys.exit(3)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one benchmark, in which the command is run."""
    for package in ("benchmarks", "inlay"):
        (tmp_path / package).mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "hello.py").write_text(HELLO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_benchmark_gets_its_options_and_gives_its_exit_status(checkout: Path) -> None:
    ended = CliRunner().invoke(app, ["bench", "hello", "told.txt", "--count", "2", "--help"])
    assert ended.exit_code == 3, ended.output
    assert (checkout / "told.txt").read_text() == "--count 2 --help"


def test_benchmarks_are_listed(checkout: Path) -> None:
    listed = CliRunner().invoke(app, ["bench"])
    assert listed.exit_code == ExitStatus.SUCCESS
    assert "hello" in listed.stderr


def test_an_unknown_benchmark_is_told_with_those_that_are_there(checkout: Path) -> None:
    refused = CliRunner().invoke(app, ["bench", "speed"])
    assert refused.exit_code == ExitStatus.USAGE
    assert "there are hello" in refused.stderr


def test_outside_a_checkout_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inlay.commands.bench.PROJECT", tmp_path)
    refused = CliRunner().invoke(app, ["bench", "quality"])
    assert refused.exit_code == ExitStatus.FAILURE
    assert "in a checkout" in refused.stderr
