"""`make install` makes the environment anew exactly when it must; real environments, without the packages."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def installer(tmp_path: Path) -> ModuleType:
    """tools/install.py, at work on a checkout of its own."""
    spec = importlib.util.spec_from_file_location("installer", ROOT / "tools" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(ROOT=tmp_path, VENV=tmp_path / ".venv")
    return module


def has_pip(venv: Path) -> bool:
    asked = subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"], capture_output=True, check=False)
    return asked.returncode == 0


def test_an_environment_that_was_left_unfinished_is_made_anew_and_then_kept(installer: ModuleType) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", installer.VENV], check=True)
    assert not has_pip(installer.VENV)
    installed = installer.VENV / ".installed"
    installed.touch()
    installer.make_venv()
    assert has_pip(installer.VENV)
    assert not installed.exists()
    kept = installer.VENV / "kept"
    kept.touch()
    installer.make_venv()
    assert kept.exists()


@pytest.mark.parametrize("changed", ["python", "prefix", "checkout"])
def test_an_environment_of_another_python_or_checkout_is_not_taken_over(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = installer.maker()
    if changed == "python":
        monkeypatch.setattr(sys, "version", "3.12.1 (another build)")
    elif changed == "prefix":
        monkeypatch.setattr(sys, "base_prefix", "/opt/another")
    else:
        monkeypatch.setattr(installer, "ROOT", installer.ROOT / "moved")
    assert installer.maker() != before
