"""A method and a command for each task: they send what the service knows, and fetch what it made."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from inlay import AsyncClient, Client
from inlay.cli import app
from inlay.terminal import ExitStatus
from tests.inlay.calling import multipart
from tests.inlay.fake_service import ScriptedService, job_json

CALLS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("outpaint", "image", {"left_px": 8, "top_px": 3}, {"left_px": 8, "right_px": 0, "top_px": 3, "bottom_px": 0}),
    ("upscale", "image", {"factor": 4, "steps": 9}, {"factor": 4, "steps": 9}),
    ("colorize", "image", {"prompt": "a vase"}, {"prompt": "a vase"}),
    ("deblur", "image", {"sigma_px": 1.5}, {"kernel": "gaussian", "sigma_px": 1.5}),
    (
        "deblur",
        "image",
        {"kernel": "motion", "length_px": 9.0, "angle_deg": 30.0},
        {"kernel": "motion", "length_px": 9.0, "angle_deg": 30.0},
    ),
    ("style", "reference", {"prompt": "a house", "seed": 3}, {"prompt": "a house", "seed": 3}),
]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("task", "field", "given", "sent"), CALLS)
def test_a_method_sends_its_picture_and_only_what_was_given(
    task: str, field: str, given: dict[str, Any], sent: dict[str, Any], asynchronous: bool
) -> None:
    service = ScriptedService((202, job_json(task=task)))
    if asynchronous:

        async def submit() -> str:
            async with AsyncClient("http://service", transport=service) as client:
                return str((await getattr(client, task)(b"picture", **given)).task)

        assert asyncio.run(submit()) == task
    else:
        with Client("http://service", transport=service) as client:
            assert getattr(client, task)(b"picture", **given).task == task
    parts = multipart(service.requests[0])
    assert json.loads(parts["params"]) == {"task": task, **sent}
    assert {name: part for name, part in parts.items() if name != "params"} == {field: b"picture"}


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (["outpaint", "--left", "30", "--bottom", "10"], (126, 90)),
        (["upscale", "--factor", "4"], (384, 320)),
        (["colorize", "--prompt", "a vase"], (96, 80)),
        (["deblur", "--sigma", "1.5"], (96, 80)),
        (["deblur", "--kernel", "motion", "--length", "9", "--angle", "-30"], (96, 80)),
        (["style", "--prompt", "a house", "--width", "64"], (64, 128)),
    ],
)
def test_a_command_writes_the_result_beside_its_picture(
    service_url: str, tmp_path: Path, arguments: list[str], size: tuple[int, int]
) -> None:
    picture = tmp_path / "vase.png"
    Image.new("RGB", (96, 80), (200, 30, 30)).save(picture)
    command = [arguments[0], str(picture), *arguments[1:]]
    done = CliRunner().invoke(app, command, env={"INLAY_URL": service_url})
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    written = picture.with_name(f"vase-{arguments[0]}.png")
    assert done.stdout.strip() == str(written)
    with Image.open(written) as result:
        assert result.size == size


def test_a_blur_without_its_size_is_refused_in_words(service_url: str, tmp_path: Path) -> None:
    picture = tmp_path / "vase.png"
    Image.new("RGB", (96, 80)).save(picture)
    refused = CliRunner().invoke(app, ["deblur", str(picture)], env={"INLAY_URL": service_url})
    assert refused.exit_code == ExitStatus.REFUSED
    assert "--sigma is required" in refused.stderr
