"""The service keeps its own OpenAPI document: Schemathesis reads it, makes requests from it, and holds us to it.

All checks are on: no 5xx, no undocumented status, type, header or shape; what the schema allows is not refused, what it
forbids is; keys are asked for; what was deleted is gone; other methods get 405. Links between routes are inferred.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from jobs.settings import Settings
from tests.contract.service import BusyService

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "tests" / "contract" / "schemathesis.toml").read_text()
BRIEF = """
[[operations]]
include-path-regex = "^/v1/(jobs|images/.*)$"
include-method = "POST"
phases.coverage.enabled = false  # for these alone it tries thousands of bodies
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyService]:
    with BusyService(tmp_path_factory.mktemp("contract")) as service:
        yield service


def report(service: BusyService, folder: Path, settings: str, *options: str) -> dict[str, Any]:
    """Runs Schemathesis against the service; returns its report, if nothing is wrong."""
    config, found = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(settings)
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(config)]
    command += ["run", f"http://127.0.0.1:{service.api.port}/openapi.json", "--no-color"]
    command += ["-H", f"Authorization: Bearer {service.key}", "--report-json-path", str(found), *options]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2000:]
    read: dict[str, Any] = json.loads(found.read_text())
    assert (read["failures"], read["errors"], read["complete"]) == ([], [], True)
    described = create_app(Settings()).openapi()["paths"]
    assert read["operations"]["tested"] == sum(len(methods) for methods in described.values())
    assert {phase["status"] for phase in read["phases"].values()} == {"success"}, read["phases"]
    return read


def faults(service: BusyService) -> list[str]:
    """What the service's log tells of errors."""
    size = os.fstat(service.api.log.fileno()).st_size
    lines = os.pread(service.api.log.fileno(), size, 0).decode(errors="replace").splitlines()
    return [line for line in lines if '"level": "error"' in line or '"level": "critical"' in line]


def test_service_keeps_its_description(busy: BusyService, tmp_path: Path) -> None:
    found = report(busy, tmp_path, SETTINGS + BRIEF, "--max-examples", "6", "--seed", "1")
    assert found["test_cases"]["generated"] >= 300
    assert faults(busy) == []
    assert busy.api.client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_service_keeps_its_description_in_five_thousand_cases(busy: BusyService, tmp_path: Path) -> None:
    found = report(busy, tmp_path, SETTINGS, "--max-examples", "40", "--seed", "2")
    assert found["test_cases"]["generated"] >= 5000
    assert faults(busy) == []
    assert busy.api.client.get("/readyz").status_code == 200
