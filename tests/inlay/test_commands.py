from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from inlay.cli import app
from inlay.terminal import ExitStatus

Run = Callable[..., Result]


@pytest.fixture
def inlay(service_url: str) -> Run:
    """Runs a command against the service."""

    def run(*arguments: object, url: str = service_url) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"INLAY_URL": url})

    return run


def kind_and_size(path: Path) -> tuple[str | None, tuple[int, int]]:
    with Image.open(path) as image:
        return image.format, image.size


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "half.png"
    Image.new("RGB", (96, 80), (200, 30, 30)).save(path)
    return path


def test_complete_shows_progress_and_writes_the_result_beside_the_input(inlay: Run, picture: Path) -> None:
    done = inlay("complete", picture, "--keep", "left", "--prompt", "a butterfly")
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    written = picture.with_name("half-complete.png")
    assert done.stdout.strip() == str(written)
    assert kind_and_size(written) == ("PNG", (96, 80))
    assert "step 3/20" in done.stderr
    assert "1 s to go" in done.stderr
    assert "1.5 s, 20 network evaluations" in done.stderr


def test_several_pictures_are_numbered(inlay: Run, picture: Path, tmp_path: Path) -> None:
    done = inlay("complete", picture, "--keep", "top", "--n", 2, "--format", "webp", "-o", tmp_path / "out.webp")
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    assert done.stdout.split() == [str(tmp_path / "out-0.webp"), str(tmp_path / "out-1.webp")]
    assert kind_and_size(tmp_path / "out-1.webp") == ("WEBP", (96, 80))


def test_inpaint_sends_mask_and_options(inlay: Run, picture: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    hole = Image.new("L", (192, 160), 0)
    hole.paste(255, (40, 40, 120, 120))
    hole.save(mask)
    options = ("--mask", mask, "--mask-resize", "--mask-feather-px", 4, "--json")
    done = inlay("inpaint", picture, *options)
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    job = json.loads(done.stdout)
    assert job["state"] == "succeeded"
    assert job["parameters"]["mask_feather_px"] == 4
    assert job["files"] == [str(picture.with_name("half-inpaint.png"))]


def test_generate_needs_only_a_prompt(inlay: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = inlay("generate", "--prompt", "a vase", "--format", "jpeg")
    assert done.exit_code == ExitStatus.SUCCESS, done.output
    (written,) = tmp_path.glob("generate-*.jpg")
    assert kind_and_size(written) == ("JPEG", (128, 128))


def test_without_waiting_the_id_is_printed_and_status_and_result_follow_it(inlay: Run, tmp_path: Path) -> None:
    submitted = inlay("generate", "--prompt", "a vase", "--no-wait")
    job_id = submitted.stdout.strip()
    deadline = 100
    while not (status := inlay("status", job_id)).stdout.startswith("succeeded"):
        deadline -= 1
        assert deadline, status.stdout
    assert json.loads(inlay("status", job_id, "--json").stdout)["id"] == job_id
    fetched = inlay("result", job_id, "-o", tmp_path / "vase.png")
    assert fetched.exit_code == ExitStatus.SUCCESS
    assert kind_and_size(tmp_path / "vase.png") == ("PNG", (128, 128))
    as_json = inlay("result", job_id, "-o", tmp_path / "again.png", "--json")
    assert json.loads(as_json.stdout) == {"id": job_id, "files": [str(tmp_path / "again.png")]}
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "vase.png").read_bytes()


def test_cancel_stops_a_running_job(inlay: Run) -> None:
    job_id = inlay("generate", "--prompt", "hold", "--no-wait").stdout.strip()
    assert inlay("cancel", job_id).exit_code == ExitStatus.SUCCESS
    assert json.loads(inlay("status", job_id, "--json").stdout)["cancel_requested"]


def test_a_failed_job_is_told_with_its_reason(inlay: Run) -> None:
    failed = inlay("generate", "--prompt", "fail")
    assert failed.exit_code == ExitStatus.JOB_FAILED
    assert "diverged" in failed.stderr


def test_waiting_ends_when_asked(inlay: Run) -> None:
    waited = inlay("generate", "--prompt", "hold", "--timeout", 0.5)
    assert waited.exit_code == ExitStatus.TIMEOUT
    assert "is still running after 0.5 s" in waited.stderr
    job_id = json.loads(inlay("jobs", "--limit", 1, "--json").stdout)["jobs"][0]["id"]
    assert f"inlay result {job_id} -o FILE" in waited.stderr


@pytest.mark.usefixtures("resting")
@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_waiting_ends_when_asked_also_while_the_job_is_in_the_queue(inlay: Run, options: tuple[str, ...]) -> None:
    started = time.monotonic()
    waited = inlay("generate", "--prompt", "a vase", "--timeout", 1, *options)
    assert waited.exit_code == ExitStatus.TIMEOUT
    assert "is still queued after 1 s" in waited.stderr
    assert time.monotonic() - started < 10


def test_a_refused_request_is_told_in_words_and_in_json(inlay: Run, picture: Path) -> None:
    refused = inlay("complete", picture, "--keep", "left", "--steps", 1000)
    assert refused.exit_code == ExitStatus.REFUSED
    assert "steps" in refused.stderr
    as_json = inlay("complete", picture, "--keep", "left", "--steps", 1000, "--json")
    assert as_json.exit_code == ExitStatus.REFUSED
    assert json.loads(as_json.stdout)["error"]["status"] == 422


@pytest.mark.parametrize("job_id", ["no-such-job", "../../healthz", "..", "a b?c#d%2e", "ü"])
def test_an_unknown_job_is_refused_whatever_its_id_would_mean_in_an_address(inlay: Run, job_id: str) -> None:
    for command in ("status", "cancel", "delete"):
        assert inlay(command, job_id).exit_code == ExitStatus.REFUSED


def test_a_service_that_is_not_there_is_told(inlay: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        absent = inlay("status", "some-job", url=url)
    assert absent.exit_code == ExitStatus.UNREACHABLE
    assert url in absent.stderr


def test_wrong_usage_has_its_own_status(inlay: Run, tmp_path: Path) -> None:
    assert inlay("complete", tmp_path / "absent.png", "--keep", "left").exit_code == ExitStatus.USAGE
    assert inlay("complete").exit_code == ExitStatus.USAGE


def test_version_is_printed(inlay: Run) -> None:
    assert inlay("--version").stdout.strip().count(".") == 2
