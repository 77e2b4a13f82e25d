"""The rules of CONTRIBUTING.md that a program can check."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sampler", "jobs", "app", "worker", "inlay")
LONGEST_MODULE_LINES, LONGEST_TEST_LINES = 220, 300
READ_IN_ONE_PIECE = {"sampler/evaluation.py": 250}
"""Longer modules and their bounds: the seam between samplers and what evaluates for them is half documentation."""

VAGUE_NAMES = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}


Tracked = Callable[[str], list[Path]]


@pytest.fixture
def tracked(missing_system_part: Callable[[str], NoReturn]) -> Tracked:
    """The files under version control that match a pattern of git's."""
    if shutil.which("git") is None:
        missing_system_part("git: apt-get install git")

    def match(pattern: str) -> list[Path]:
        # The checkout may belong to another user than the one who tests it.
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", pattern]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if listed.returncode:
            missing_system_part(f"a git checkout: {listed.stderr.decode()}")
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]

    return match


def test_files_that_serve_requests_stay_small(tracked: Tracked) -> None:
    files = {str(path.relative_to(ROOT)): path for room in ROOMS for path in tracked(f"{room}/*.py")}
    lengths = {name: len(path.read_text().splitlines()) for name, path in files.items()}
    bounds = dict.fromkeys(files, LONGEST_MODULE_LINES) | READ_IN_ONE_PIECE
    assert {name: lines for name, lines in lengths.items() if lines > bounds[name]} == {}


def test_files_of_tests_stay_small_enough_to_be_read(tracked: Tracked) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in tracked("tests/*.py")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_TEST_LINES} == {}


def test_python_files_are_named_for_what_they_hold(tracked: Tracked) -> None:
    assert [path for path in tracked("*.py") if path.name in VAGUE_NAMES] == []


def links(document: Path) -> Iterator[Path]:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            yield document.parent / target


def test_links_between_documents_lead_somewhere(tracked: Tracked) -> None:
    broken = [
        (document.name, str(link)) for document in tracked("*.md") for link in links(document) if not link.exists()
    ]
    assert broken == []


def test_every_make_target_that_documents_name_exists(tracked: Tracked) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in tracked("*.md"):
        named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, document.name


def test_the_lock_holds_everything_that_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    hold("requirements-load.lock", extras.pop("load"))
    hold("requirements.lock", [text for group in (project["dependencies"], *extras.values()) for text in group])


def hold(lock: str, wanted: list[str]) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    locked = {one.name: one for one in (Requirement(line) for line in lines if not line.startswith("#"))}
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != "inlay":
            assert name in locked, name
            (pin,) = locked[name].specifier
            assert requirement.specifier.contains(pin.version), requirement
            assert requirement.marker == locked[name].marker, requirement


def test_torch_stands_first_in_the_lock_so_that_its_build_is_chosen_before_others_ask_for_it() -> None:
    assert (ROOT / "requirements.lock").read_text().splitlines()[2] == "torch==2.13.0"


def test_ci_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in script if line.startswith("make")] == ["make check", "make test"]
    assert "$ make test" in (ROOT / "README.md").read_text()
