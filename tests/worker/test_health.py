"""`python -m worker.health`, as a container's probe calls it, against real workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.connect import RedisClient
from jobs.settings import Settings
from tests.worker.conftest import Bench, wait_for
from tests.worker.test_worker_process import ROOT, wait_until_ready, worker_process
from worker.health import HealthFile, look, main


def probe(file: Path, *arguments: str) -> tuple[int, str]:
    """What a probe is told by `python -m worker.health`."""
    environ = {"PATH": os.environ["PATH"], "INLAY_HEALTH_FILE": str(file), "INLAY_REDIS_TIMEOUT_S": "2"}
    command = [sys.executable, "-m", "worker.health", *arguments]
    asked = subprocess.run(
        command, cwd=ROOT, env=environ | {"INLAY_WORKER_TTL_S": "3.5"}, capture_output=True, text=True, check=False
    )
    assert asked.stderr == ""
    return asked.returncode, asked.stdout.strip()


def states_of_threads(pid: int) -> list[str]:
    """The letter of each thread's state (`T`: stopped), from Linux's `/proc`."""
    stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return [stat.rpartition(")")[2].split()[0] for stat in stats]


def test_a_real_worker_is_healthy_ready_busy_and_when_it_stands_still_stuck(
    bench: Bench, redis: RedisClient, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "health.json"
    changed = settings.model_copy(update={"health_file": file, "worker_ttl_s": 3.5})
    with worker_process(changed) as process:
        assert probe(file)[0] == 1
        wait_until_ready(redis)
        assert probe(file, "--ready") == (0, "ready, jobs running: 0")
        job_id = bench.submit(steps=100, solver="newton", inner_steps=20)
        bench.wait_for_step(job_id)
        wait_for(lambda: "jobs running: 1" in probe(file, "--ready")[1])
        assert probe(file, "--ready")[0] == 0, "busy is ready"

        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: set(states_of_threads(process.pid)) == {"T"})  # a thread on its way still writes the file
        minute_ago = time.time() - 60
        os.utime(file, (minute_ago, minute_ago))  # instead of a minute's wait
        status, words = probe(file)
        assert (status, words[:5]) == (1, "stuck")
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: probe(file)[0] == 0)

        process.send_signal(signal.SIGTERM)
        wait_for(lambda: probe(file, "--ready")[0] == 1)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: not file.exists())
    assert probe(file)[1].startswith("no sign of life")


def test_a_worker_that_starts_or_drains_is_alive_and_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    for state in ("starting", "draining"):
        HealthFile(file).write(state, 1)
        assert look(file, longest_s=60, ready=False) == (True, f"{state}, jobs running: 1")
        assert look(file, longest_s=60, ready=True) == (False, f"{state}, jobs running: 1")


def test_a_file_that_an_earlier_process_left_is_no_sign_of_life(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    HealthFile(file).write("ready", 0)
    os.utime(file, (time.time() - 100, time.time() - 100))
    assert look(file, longest_s=60, ready=False) == (False, "stuck: no sign of life for 100 s")


def test_a_full_disk_is_logged_and_kills_no_worker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    HealthFile(tmp_path / "missing" / "health.json").write("ready", 0)
    assert "cannot be written" in caplog.text
    HealthFile(None).write("ready", 0)
    HealthFile(None).remove()


def test_asking_without_a_file_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INLAY_HEALTH_FILE", raising=False)
    assert main([]) == 78
    assert "INLAY_HEALTH_FILE" in capsys.readouterr().out


def test_the_probe_imports_nothing_heavy() -> None:
    program = "import sys, worker.health; sys.exit(bool({'torch', 'numpy', 'redis'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
