"""Ctrl-C in a comparison: what was measured is kept, and the way on is told."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.report import read_json


@pytest.mark.slow
def test_ctrl_c_keeps_finished_rows_and_says_how_to_go_on(tmp_path: Path) -> None:
    options = ["--count", "2", "--batch", "2", "--threads", "1", "--masks", "box", "--methods", "repaint"]
    command = [sys.executable, "-m", "benchmarks.solvers", *options, "--budgets", "published"]
    rows = tmp_path / "cut" / "rows.json"
    with subprocess.Popen(
        [*command, "--name", "cut", "--out", tmp_path], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as running:
        give_up_at = time.monotonic() + 240
        while not rows.exists() and time.monotonic() < give_up_at:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "--resume" in told
    assert "Traceback" not in told
    assert [row.method for row in read_json(rows)[0]] == ["ddim"]
