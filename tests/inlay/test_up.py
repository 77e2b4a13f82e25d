"""`inlay up` as a user runs it: real processes, signals; the model is a tiny random one."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from inlay import Client
from inlay.terminal import ExitStatus
from tests.worker.tiny_model import make_tiny_model

READY_S = 240.0
NewUp = Callable[..., "Up"]


class Up:
    """An `inlay up` process and those that it started."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        command = [sys.executable, "-P", "-m", "inlay", "up", *arguments]
        self.process = subprocess.Popen(
            command, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.seen: set[psutil.Process] = set()

    def wait_for_children(self, count: int) -> list[psutil.Process]:
        """Its processes, once there are `count` of them."""
        until(lambda: len(self.children()) >= count, 60)
        return self.children()

    def children(self) -> list[psutil.Process]:
        """Its processes now."""
        if self.process.poll() is not None:
            return []
        found = psutil.Process(self.process.pid).children()
        self.seen.update(found)
        return found

    def url_when_ready(self) -> str:
        """Waits for the line that tells the address."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "ready at http://127.0.0.1:" in line, self.end()
        return line.split()[-1]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Sends a signal and returns the exit status and what was told on stderr."""
        if self.process.poll() is None:
            self.children()
            self.process.send_signal(number)
        _, told = self.process.communicate(timeout=60)
        return self.process.returncode, told

    def end_by_itself(self) -> tuple[int, str]:
        """Waits for the exit status and what was told on stderr."""
        while self.process.poll() is None:
            self.children()
            time.sleep(0.05)
        return self.end()

    def nothing_left(self) -> bool:
        """Whether all processes that were ever seen are gone."""
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self.seen)


@pytest.fixture
def up() -> Iterator[NewUp]:
    started: list[Up] = []

    def start(*arguments: str, **environ: str) -> Up:
        started.append(Up(*arguments, **environ))
        return started[-1]

    yield start
    for one in started:
        one.end(signal.SIGKILL)


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def is_itself(child: psutil.Process) -> bool:
    """Whether it runs its own program: neither still a copy of `inlay up` nor the tether before it."""
    words = child.cmdline()
    return "up" not in words and not any(word.endswith("tether.py") for word in words)


def half_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (128, 128), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.timeout(600)
def test_up_serves_restarts_a_killed_worker_goes_on_with_its_job_and_stops_cleanly(up: NewUp, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path)
    soon_missed = {"INLAY_HEARTBEAT_INTERVAL_S": "0.5", "INLAY_REDIS_TIMEOUT_S": "2", "INLAY_WORKER_TTL_S": "3"}
    data = tmp_path / "my data %#?=ü"
    service = up("--port", "0", "--data", str(data), INLAY_MODEL=str(model), **soon_missed)
    with Client(service.url_when_ready()) as client:
        job = client.complete(half_picture(), keep="left", steps=60, solver="newton", inner_steps=3, seed=1)
        until(lambda: client.get(job.id).state == "running")
        (worker,) = (child for child in service.children() if "worker" in child.cmdline())
        worker.kill()
        assert client.wait(job.id, timeout_s=READY_S).raw["attempt"] == 2
        assert client.result(job.id).startswith(b"\x89PNG")
    assert len(service.children()) == 3
    status, told = service.end(signal.SIGTERM)
    assert status == ExitStatus.SUCCESS
    assert told.startswith("starting")
    assert "worker ended (killed by SIGKILL); starting it again" in told
    assert told.rstrip().endswith("stopped")
    assert service.nothing_left()
    assert (data / "worker.log").exists()
    assert not (data / "redis.sock").exists()


def test_nothing_survives_a_kill_and_the_folder_can_be_used_again(up: NewUp, tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data", str(tmp_path / "data"))
    first = up(*arguments)
    first.wait_for_children(3)
    until(lambda: all(is_itself(child) for child in first.children()))
    second_status, told = up(*arguments).end_by_itself()
    assert second_status == ExitStatus.FAILURE
    assert "another `inlay up` is using" in told
    first.end(signal.SIGKILL)
    until(first.nothing_left)
    third = up(*arguments)
    third.wait_for_children(3)
    third.end(signal.SIGINT)
    assert third.nothing_left()


def test_a_signal_while_starting_stops_everything(up: NewUp, tmp_path: Path) -> None:
    service = up("--port", "0", "--data", str(tmp_path / "data"))
    service.wait_for_children(3)
    status, _ = service.end(signal.SIGINT)
    assert status == ExitStatus.INTERRUPTED
    assert service.nothing_left()


def test_a_port_in_use_is_told_before_anything_starts(up: NewUp, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = up("--port", str(port), "--data", str(tmp_path / "data"))
        status, told = service.end_by_itself()
    assert status == ExitStatus.FAILURE
    assert f"port {port} cannot be used" in told
    assert "--port" in told


def test_an_address_that_others_reach_needs_keys_or_a_setting(up: NewUp, tmp_path: Path) -> None:
    service = up("--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path / "data"))  # noqa: S104
    status, told = service.end_by_itself()
    assert status == ExitStatus.FAILURE
    assert "INLAY_API_KEYS_FILE" in told
    assert "INLAY_ALLOW_ANONYMOUS" in told
    assert service.nothing_left()


def test_a_model_that_is_not_there_is_told_with_the_end_of_the_log(up: NewUp, tmp_path: Path) -> None:
    service = up("--port", "0", "--data", str(tmp_path / "data"), INLAY_MODEL=str(tmp_path / "absent"))
    status, told = service.end_by_itself()
    assert status == ExitStatus.FAILURE
    assert "worker did not start (exit status 78)" in told
    assert "there is no folder" in told
    assert service.nothing_left()
