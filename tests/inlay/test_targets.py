"""Where results go: looked at before anything is sent; standard output gets the picture and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from inlay import Client
from inlay.cli import app
from inlay.terminal import ExitStatus
from jobs.settings import Settings
from tests.app.pictures import opened
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

NOBODY = "http://127.0.0.1:9"
"""Where nothing listens: what is refused before it is sent has another status than what gets no answer."""
INLAY = [sys.executable, "-P", "-m", "inlay"]


@pytest.fixture
def doomed() -> Iterator[tuple[str, ApiProcess]]:
    """A service of its own, whose worker lives and does nothing, to be stopped in the middle of a job."""
    with RedisProcess() as redis_server, ApiProcess(redis_url=redis_server.url) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis_server.url)))
        worker.appear()
        yield f"http://127.0.0.1:{api.port}", api
        worker.close()


@pytest.mark.parametrize(
    ("command", "output", "told"),
    [
        ("generate", "absent/vase.png", "there is no such folder"),
        ("generate", "file/vase.png", "this is no folder"),
        ("generate", "folder.png", "this is a folder"),
        ("generate --n 2", "absent/vase.png", "there is no such folder"),
        ("result some-job", "absent/vase.png", "there is no such folder"),
        ("result some-job", "folder.png", "this is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_sent(
    tmp_path: Path, command: str, output: str, told: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    words = [*command.split(), "-o", str(tmp_path / output)]
    refused = CliRunner().invoke(app, words, env={"INLAY_URL": NOBODY})
    assert refused.exit_code == ExitStatus.FAILURE
    assert told in refused.stderr
    as_json = CliRunner().invoke(app, [*words, "--json"], env={"INLAY_URL": NOBODY})
    assert told in json.loads(as_json.stdout)["error"]["detail"]


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_standard_output_gets_the_picture_and_nothing_else(service_url: str, tmp_path: Path, output: str) -> None:
    command = [*INLAY, "generate", "--width", "64", "--height", "96", "--format", "webp", "-o", output]
    environ = os.environ | {"INLAY_URL": service_url}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=True)
    picture = opened(done.stdout)
    assert (picture.format, picture.size) == ("WEBP", (64, 96))
    assert b"succeeded" in done.stderr
    assert list(tmp_path.iterdir()) == []
    with Client(service_url) as client:
        job = next(client.jobs())
        assert done.stdout == client.result(job.id)
    fetched = CliRunner().invoke(app, ["result", job.id, "-o", output], env={"INLAY_URL": service_url})
    assert fetched.stdout_bytes == done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("generate -o - --json", "taken by --json"),
        ("generate -o - --n 2", "takes one picture"),
        ("result some-job -o - --json", "taken by --json"),
    ],
)
def test_standard_output_is_not_promised_twice(words: str, told: str) -> None:
    refused = CliRunner().invoke(app, words.split(), env={"INLAY_URL": NOBODY})
    assert refused.exit_code == ExitStatus.USAGE
    assert told in refused.output


def test_whoever_loses_the_service_in_the_middle_is_told_the_job_and_how_to_fetch_it(
    doomed: tuple[str, ApiProcess],
) -> None:
    url, api = doomed
    waiting = [
        subprocess.Popen(
            [*INLAY, "generate", *options, "--url", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for options in ([], ["--json"])
    ]
    with Client(url) as client:
        deadline = time.monotonic() + 60
        while len(jobs := [job.id for job in client.jobs()]) < len(waiting):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    api.process.send_signal(signal.SIGKILL)
    (_, told), (printed, _) = (one.communicate(timeout=60) for one in waiting)
    assert [one.returncode for one in waiting] == [ExitStatus.UNREACHABLE] * 2
    error = json.loads(printed)["error"]
    assert error["kind"] == "ConnectionFailed"
    assert error["fetch"] == f"inlay result {error['job_id']} -o FILE"
    (other,) = set(jobs) - {error["job_id"]}
    assert f"inlay result {other} -o FILE" in told


def test_whoever_gives_up_waiting_is_told_in_json_how_to_fetch_it(service_url: str) -> None:
    words = ["generate", "--prompt", "hold", "--timeout", "0.1", "--json"]
    waited = CliRunner().invoke(app, words, env={"INLAY_URL": service_url})
    assert waited.exit_code == ExitStatus.TIMEOUT
    error = json.loads(waited.stdout)["error"]
    assert error["job"]["id"] == error["job_id"]
    assert error["job_id"] in error["fetch"]
