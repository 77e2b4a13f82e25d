"""Commands about the caller's jobs, and what all that submit have in common; on the service that plays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from inlay.cli import app
from inlay.commands.jobs import age
from inlay.models import parse_job
from inlay.terminal import ExitStatus
from tests.inlay.fake_service import job_json

Run = Callable[..., Result]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def inlay(service_url: str) -> Run:
    """Runs a command against the service."""
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments], env={"INLAY_URL": service_url})


def submitted(inlay: Run, prompt: str = "a vase") -> str:
    return str(inlay("generate", "--prompt", prompt, "--no-wait").stdout).strip()


def test_jobs_are_listed_newest_first_with_state_task_age_and_id(inlay: Run) -> None:
    ids = [submitted(inlay) for _ in range(3)]
    listed = inlay("jobs", "--limit", 2)
    assert listed.exit_code == ExitStatus.SUCCESS, listed.output
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [row[3] for row in rows] == [ids[2], ids[1]]
    assert {row[1] for row in rows} == {"generate"}
    assert all(row[0] in {"queued", "running", "succeeded"} for row in rows)
    assert all(re.fullmatch(r"\d+s", row[2]) for row in rows)


def test_jobs_of_one_state_are_found_behind_others_on_later_pages(inlay: Run) -> None:
    assert inlay("generate", "--prompt", "fail", "--json").exit_code == ExitStatus.JOB_FAILED
    for _ in range(3):
        submitted(inlay)
    (failed,) = json.loads(inlay("jobs", "--state", "failed", "--limit", 1, "--json").stdout)["jobs"]
    assert failed["state"] == "failed"
    assert failed["parameters"]["prompt"] == "fail"


def test_a_deleted_job_is_unknown_afterwards(inlay: Run, tmp_path: Path) -> None:
    first, second = (
        json.loads(inlay("generate", "--json", "-o", tmp_path / "vase.png").stdout)["id"] for _ in range(2)
    )
    assert inlay("delete", first).stdout == "deleted\n"
    assert json.loads(inlay("delete", second, "--json").stdout) == {"id": second, "deleted": True}
    for gone in (first, second):
        assert inlay("status", gone).exit_code == ExitStatus.REFUSED
        assert inlay("delete", gone).exit_code == ExitStatus.REFUSED


@pytest.mark.parametrize(
    ("elapsed", "shown"),
    [
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=59.9), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=119), "1h"),
        (timedelta(days=3, hours=23), "3d"),
    ],
)
def test_age_is_told_in_its_largest_unit(elapsed: timedelta, shown: str) -> None:
    assert age(parse_job(job_json(created_at=(NOW - elapsed).isoformat())), NOW) == shown


def test_a_job_without_a_date_has_no_age() -> None:
    assert age(parse_job(job_json()), NOW) == "-"


@pytest.mark.parametrize(
    "command",
    [
        "complete PICTURE --keep left",
        "inpaint PICTURE --mask PICTURE",
        "outpaint PICTURE --left 64",
        "upscale PICTURE",
        "colorize PICTURE",
        "deblur PICTURE --sigma 2",
        "style PICTURE",
        "generate",
    ],
)
def test_every_submission_can_name_a_webhook(inlay: Run, tmp_path: Path, command: str) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), (200, 30, 30)).save(picture)
    words = command.replace("PICTURE", str(picture)).split()
    told = inlay(*words, "--webhook-url", "https://example.com/told", "--json")
    assert told.exit_code == ExitStatus.REFUSED
    assert json.loads(told.stdout)["error"]["code"] == "webhook_unsigned"  # this service has no secret to sign with


def test_a_submission_can_go_before_the_callers_others(inlay: Run) -> None:
    job = json.loads(inlay("generate", "--priority", "high", "--no-wait", "--json").stdout)
    assert job["parameters"]["priority"] == "high"


def test_quiet_prints_the_path_and_nothing_else(inlay: Run, tmp_path: Path) -> None:
    done = inlay("generate", "--quiet", "-o", tmp_path / "vase.png")
    assert done.exit_code == ExitStatus.SUCCESS
    assert (done.stdout, done.stderr) == (f"{tmp_path / 'vase.png'}\n", "")


def test_help_tells_every_exit_status_and_its_meaning(inlay: Run) -> None:
    told = inlay("--help").stdout
    assert re.findall(r"^ +(\d+)  (.+)$", told, re.MULTILINE) == [(str(int(one)), one.meaning) for one in ExitStatus]
