"""Wrong usage: refused before anything is sent, as JSON where it was asked for, in the words of the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import inlay
from inlay import Problem
from inlay.cli import app
from inlay.complaints import with_options
from inlay.terminal import ExitStatus

NOBODY = "http://127.0.0.1:9"
INLAY = [sys.executable, "-P", "-m", "inlay"]
Restore = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        ("complete absent.png --keep left --json", "BadParameter", "absent.png"),
        ("status --json", "MissingParameter", "job"),
        ("jobs --json --limit many", "BadParameter", "--limit"),
        ("generate --json --colour red", "NoSuchOption", "--colour"),
        ("generate --json -o vase.gif", "BadParameter", "vase.gif"),
        ("keys new Alice --json", "BadParameter", "1 to 64"),
        ("paint --json", "UsageError", "paint"),
    ],
)
def test_wrong_usage_is_one_json_object_where_json_is_asked_for(words: str, kind: str, told: str) -> None:
    refused = CliRunner().invoke(app, words.split(), env={"INLAY_URL": NOBODY})
    assert refused.exit_code == ExitStatus.USAGE
    error: dict[str, Any] = json.loads(refused.stdout)["error"]
    assert error["kind"] == kind
    assert told in error["detail"]
    assert refused.stderr == ""


def test_a_process_says_wrong_usage_in_json_too() -> None:
    command = [*INLAY, "status", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == ExitStatus.USAGE
    assert json.loads(ran.stdout)["error"]["kind"] == "MissingParameter"


@pytest.mark.parametrize("options", [[], ["--", "a", "--json"]])
def test_elsewhere_wrong_usage_is_told_in_words(options: list[str]) -> None:
    refused = CliRunner().invoke(app, ["status", *options], prog_name="inlay")
    assert refused.exit_code == ExitStatus.USAGE
    assert refused.stdout == ""
    assert "Usage: inlay status" in refused.stderr


def test_with_json_what_goes_well_ends_as_it_does_without(service_url: str) -> None:
    listed = CliRunner().invoke(app, ["jobs", "--json"], env={"INLAY_URL": service_url})
    assert listed.exit_code == ExitStatus.SUCCESS
    assert "jobs" in json.loads(listed.stdout)
    assert CliRunner().invoke(app, ["jobs", "--json", "--help"]).exit_code == ExitStatus.SUCCESS


@pytest.mark.parametrize(
    "options", ["--timeout nan", "--timeout inf", "--timeout -1", "--deadline nan", "--guidance-scale inf"]
)
def test_numbers_that_cannot_be_meant_are_refused_before_anything_is_sent(options: str) -> None:
    refused = CliRunner().invoke(app, ["generate", *options.split()], env={"INLAY_URL": NOBODY})
    assert refused.exit_code == ExitStatus.USAGE
    assert options.split()[0] in refused.stderr


@pytest.fixture
def restore(service_url: str, tmp_path: Path) -> Restore:
    """Runs a command on a picture of 96 × 80."""
    picture = tmp_path / "half.png"
    Image.new("RGB", (96, 80), (200, 30, 30)).save(picture)

    def run(command: str, *options: str) -> Result:
        return CliRunner().invoke(app, [command, str(picture), *options], env={"INLAY_URL": service_url})

    return run


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("deblur", "--sigma is required"),
        ("deblur --kernel motion", "--length is required"),
        ("outpaint", "or one of --left, --right, --top must be above 0"),
        ("complete --keep left --fraction 2", "--fraction must be at most 0.9"),
        ("colorize --steps 0", "--steps must be"),
        ("colorize --format jpeg --quality 0", "--quality must be at least 1"),
        ("colorize --deadline 0", "--deadline must be more than 0"),
    ],
)
def test_fields_are_told_by_the_names_of_options_and_in_json_by_their_own(
    restore: Restore, command: str, told: str
) -> None:
    refused = restore(*command.split())
    assert refused.exit_code == ExitStatus.REFUSED
    assert told in refused.stderr
    assert "_px" not in refused.stderr
    assert "(at " not in refused.stderr
    error = json.loads(restore(*command.split(), "--json").stdout)["error"]
    assert error["pointer"].removeprefix("/") in error["detail"]
    assert "--" not in error["detail"]


@pytest.mark.parametrize(
    ("pointer", "detail", "told"),
    [
        ("/image", "It has 9 pixels.", "It has 9 pixels. (at picture) [422 code]"),
        ("/metadata/order", "metadata/order must be a string.", "--metadata order must be a string. [422 code]"),
        ("/steps", "steps: a model of few steps.", "--steps: a model of few steps. [422 code]"),
        ("/novelty", "novelty is new.", "novelty is new. [422 code]"),
        ("/novelty", "It is new.", "It is new. (at /novelty) [422 code]"),
        (None, "The model takes no sigma_px.", "The model takes no --sigma. [422 code]"),
    ],
)
def test_only_fields_are_replaced_and_other_words_stay(pointer: str | None, detail: str, told: str) -> None:
    options = {
        "image": "picture",
        "metadata": "--metadata",
        "steps": "--steps",
        "model": "--model",
        "sigma_px": "--sigma",
    }
    assert with_options(Problem(422, "code", "Wrong", detail, pointer), options) == told


def test_what_the_package_names_is_there_when_it_is_asked_for() -> None:
    assert {name for name in inlay.__all__ if not hasattr(inlay, name)} == set()
    with pytest.raises(AttributeError, match="Painter"):
        _ = inlay.Painter  # type: ignore[attr-defined]


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """Children hear SIGINT, also where the tests run in the background of a script, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_while_modules_are_imported_ends_quietly(tmp_path: Path) -> None:
    installed = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
    assert installed == {"inlay": "inlay.__main__:main"}
    command = [sys.executable, "-X", "importtime", *INLAY[1:], "up", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        overdue = threading.Timer(60, process.kill)
        overdue.start()
        assert any("typer" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait() == ExitStatus.INTERRUPTED
        overdue.cancel()
    assert "Traceback" not in told
    assert not (tmp_path / "data").exists()
