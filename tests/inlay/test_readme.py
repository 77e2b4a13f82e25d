"""README's words under *Run it*, run as they stand: the third command completes a picture of one's own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from PIL import Image

from tests.app.pictures import gradient

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().partition("\n## Run it\n")[2].partition("\n## ")[0]
SHOWN = [line for block in re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()]
COMMANDS = [line.removeprefix("$ ") for line in SHOWN if line.startswith("$ ")]
ADDRESS = "http://127.0.0.1:8000"


def test_the_third_command_completes_a_picture() -> None:
    install, up, complete, *_ = COMMANDS
    assert install == "make install"
    assert shlex.split(up)[:2] == [".venv/bin/inlay", "up"]
    assert shlex.split(complete)[:2] == [".venv/bin/inlay", "complete"]


def test_the_first_command_installs(missing_system_part: Callable[[str], NoReturn]) -> None:
    """What it does is tried in tests/house/test_install.py; the environment that it makes is the one this runs in."""
    if shutil.which("make") is None:
        missing_system_part("make: apt-get install make")
    told = subprocess.run([*shlex.split(COMMANDS[0]), "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "tools/install.py" in told.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a clone after the first command, with the pictures that README speaks of."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    gradient(128, 128).save(tmp_path / "half.png")
    gradient(32, 32).save(tmp_path / "small.png")
    return tmp_path


@pytest.fixture
def address(clone: Path) -> Iterator[str]:
    """Where the second command's service listens: its output is README's but for the port."""
    told = SHOWN[SHOWN.index("$ " + COMMANDS[1]) + 1]
    assert ADDRESS in told
    environ = os.environ | {"INLAY_PORT": "0"}  # 8000 may be another's here
    with (
        (clone / "told.txt").open("w") as log,
        subprocess.Popen(
            shlex.split(COMMANDS[1]), cwd=clone, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        ) as up,
    ):
        assert up.stdout is not None
        try:
            line = up.stdout.readline()
            found = re.fullmatch(re.escape(told).replace("8000", r"(\d+)") + "\n", line)
            assert found, (clone / "told.txt").read_text()
            yield ADDRESS.replace("8000", found[1])
        finally:
            processes = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
            up.send_signal(signal.SIGINT)
            assert up.wait(60) == 0
            assert psutil.wait_procs(processes, timeout=10)[1] == []


@pytest.mark.timeout(600)
def test_readmes_commands_and_its_python_work_as_they_stand(
    clone: Path, address: str, missing_system_part: Callable[[str], NoReturn]
) -> None:
    if shutil.which("curl") is None:
        missing_system_part("curl: apt-get install curl")
    environ = os.environ | {"INLAY_URL": address, "NO_PROXY": "*"}

    def run(words: list[str]) -> str:
        ended = subprocess.run(words, cwd=clone, env=environ, capture_output=True, text=True, timeout=240, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    complete, upscale, curl = COMMANDS[2:]
    assert run(shlex.split(complete)) == "half-complete.png\n"
    assert run(shlex.split(upscale)) == "small-upscale.png\n"
    assert '"state":"queued"' in run(shlex.split(curl.replace(ADDRESS, address))).replace(" ", "")
    (python,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    run([sys.executable, "-c", python.replace(ADDRESS, address)])
    kept = (0, 0, 64, 128)
    with Image.open(clone / "half.png") as half, Image.open(clone / "half-complete.png") as completed:
        assert completed.crop(kept).tobytes() == half.crop(kept).tobytes()
        assert completed.tobytes() != half.tobytes()
    with Image.open(clone / "small-upscale.png") as enlarged, Image.open(clone / "whole.png") as whole:
        assert enlarged.size == whole.size == (128, 128)
