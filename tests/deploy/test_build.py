"""The Dockerfile's `api` is built and run by buildah, on a base made of Debian packages; no registry is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOK = """
import importlib.util, json, os
from app.main import create_app
create_app()
print(json.dumps([os.getuid(), importlib.util.find_spec("torch") is None, os.access("/srv/inlay", os.W_OK)]))
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_api_image_is_built_and_runs_as_nobody_without_torch(tmp_path: Path) -> None:
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None or os.getuid() != 0:
            pytest.skip(f"needs root and {program}: apt-get install buildah mmdebstrap")  # slow, not in CI
    buildah = ["buildah", "--root", str(tmp_path / "storage"), "--runroot", str(tmp_path / "run")]
    buildah += ["--storage-driver", "vfs"]
    subprocess.run([ROOT / "deploy" / "build_from_packages.sh", "api", str(tmp_path)], check=True)

    def asked(*command: str) -> str:
        return subprocess.run([*buildah, *command], capture_output=True, text=True, check=True).stdout

    container = asked("from", "--pull-never", "localhost/inlay-api").strip()
    told = asked("run", "--isolation", "chroot", container, "--", "python", "-c", LOOK)
    assert json.loads(told.splitlines()[-1]) == [10001, True, False]
    config = json.loads(asked("inspect", "--type", "image", "localhost/inlay-api"))["Docker"]["config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
