"""What commands that submit take: every parameter of their task, notes, keys, and files whose names tell the format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from inlay.cli import app
from inlay.terminal import ExitStatus
from jobs.spec import AnySpec

NOBODY = "http://127.0.0.1:9"
"""Where nothing listens: what is refused before it is sent has another status than what gets no answer."""
Run = Callable[..., Result]


@pytest.fixture
def generate(service_url: str) -> Run:
    """Runs `inlay generate` against the service."""

    def run(*arguments: object, url: str = service_url) -> Result:
        return CliRunner().invoke(app, ["generate", *map(str, arguments)], env={"INLAY_URL": url})

    return run


def submitted(generate: Run, *arguments: object) -> dict[str, Any]:
    done = generate(*arguments, "--no-wait", "--json")
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    job: dict[str, Any] = json.loads(done.stdout)
    return job


@pytest.mark.parametrize("spec", get_args(AnySpec), ids=lambda spec: str(spec.model_fields["task"].default))
def test_every_parameter_of_a_task_has_an_option(spec: Any) -> None:
    command = typer.main.get_command(app).commands[spec.model_fields["task"].default]  # type: ignore[attr-defined]
    options = {parameter.name for parameter in command.params}
    assert set(spec.model_fields) - {"task", "output"} <= options
    assert {"format", "quality", "idempotency_key"} <= options


def test_notes_and_a_deadline_come_back_with_the_job(generate: Run) -> None:
    notes = ("--metadata", "order=4711", "--metadata", "query=a=b", "--metadata", "empty=")
    job = submitted(generate, *notes, "--deadline", 600)
    assert job["metadata"] == {"order": "4711", "query": "a=b", "empty": ""}
    assert job["parameters"]["deadline_s"] == 600


def test_the_same_command_under_the_same_key_is_the_same_job(generate: Run) -> None:
    command = ("--prompt", "a vase", "--idempotency-key", "order-4711")
    first, again = (submitted(generate, *command) for _ in range(2))
    assert again["id"] == first["id"]
    other = generate("--prompt", "a house", "--idempotency-key", "order-4711", "--json")
    assert other.exit_code == ExitStatus.REFUSED
    assert json.loads(other.stdout)["error"]["code"] == "idempotency_key_reused"


def test_the_drawn_pixels_may_come_without_the_known_ones(service_url: str, tmp_path: Path) -> None:
    picture = tmp_path / "half.png"
    Image.new("RGB", (64, 64)).save(picture)
    command = ["complete", str(picture), "--keep", "left", "--no-preserve-known", "--no-wait", "--json"]
    done = CliRunner().invoke(app, [*command, "--mask-feather-px", "3"], env={"INLAY_URL": service_url})
    parameters = json.loads(done.stdout)["parameters"]
    assert (parameters["preserve_known"], parameters["mask_feather_px"]) == (False, 3)


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ("-o vase.jpg", {"format": "jpeg", "quality": 90}),
        ("-o vase.JPEG --quality 70", {"format": "jpeg", "quality": 70}),
        ("-o vase.webp", {"format": "webp", "quality": 90}),
        ("-o vase.png", {"format": "png", "quality": 90}),
        ("-o vase", {"format": "png", "quality": 90}),
        ("-o vase.picture --format webp", {"format": "webp", "quality": 90}),
        ("--format jpeg --quality 1", {"format": "jpeg", "quality": 1}),
        ("", {"format": "png", "quality": 90}),
    ],
)
def test_the_name_of_the_file_or_an_option_tells_the_format(
    generate: Run, options: str, output: dict[str, Any]
) -> None:
    assert submitted(generate, *options.split())["parameters"]["output"] == output


def test_a_file_called_jpg_is_a_jpeg(generate: Run, tmp_path: Path) -> None:
    assert generate("-o", tmp_path / "vase.jpg").exit_code == ExitStatus.SUCCESS
    with Image.open(tmp_path / "vase.jpg") as written:
        assert written.format == "JPEG"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("-o vase.gif", "which format is vase.gif"),
        ("-o vase.png --format jpeg", "vase.png is no name for jpeg"),
        ("--format tiff", "tiff"),
        ("--metadata order", "'order' is not KEY=VALUE"),
        ("--metadata =4711", "'=4711' is not KEY=VALUE"),
        ("--metadata a=1 --metadata a=2", "a is there twice"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(generate: Run, options: str, told: str) -> None:
    refused = generate(*options.split(), url=NOBODY)
    assert refused.exit_code == ExitStatus.USAGE
    assert told in refused.stderr
