from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from inlay.choices import SceneKind
from inlay.cli import app
from inlay.terminal import ExitStatus
from tests.worker.tiny_model import make_tiny_model
from training.kinds import SYMMETRIC_KINDS


@pytest.mark.timeout(600)
def test_demo_runs_the_real_service_twice_and_writes_input_result_and_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INLAY_MODEL", str(make_tiny_model(tmp_path)))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    output = tmp_path / "demo.png"
    shown = CliRunner().invoke(app, ["demo", "--output", str(output), "--scene", "11"])
    assert shown.exit_code == ExitStatus.SUCCESS, shown.output
    assert shown.stdout.strip() == str(output)
    for told in ("held-out scene 11", "succeeded", "hole PSNR", "0 of 255", "seed", "warm"):
        assert told in shown.stderr
    with Image.open(output) as sheet:
        assert sheet.width > 3 * 320
    assert sorted(os.listdir(tmp_path / "demo-files")) == ["0000.png", "captions.json", "half.png", "result.png"]


def test_only_scenes_whose_half_tells_the_rest_can_be_asked_for(tmp_path: Path) -> None:
    assert {kind.value for kind in SceneKind} == set(SYMMETRIC_KINDS)
    for kind in ("hills", "nosuch"):
        refused = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "demo.png"), "--kind", kind])
        assert refused.exit_code == ExitStatus.USAGE
        assert "mushroom" in refused.stderr


def test_demo_without_the_scene_generator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inlay.commands.demo.PROJECT", tmp_path)
    refused = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "demo.png")])
    assert refused.exit_code == ExitStatus.FAILURE
    assert "run this in a checkout" in refused.stderr
