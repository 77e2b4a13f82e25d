"""Every setting of the service can be set in `.env`, but for those that belong to the containers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from jobs.settings import Settings
from tests.deploy.watched import ROOT
from tests.deploy.without_engine import compose_command

EXAMPLE = (ROOT / ".env.example").read_text()
LISTED = dict(re.findall(r"^# ((?:INLAY|OTEL)_\w+)=(.+)$", EXAMPLE, re.MULTILINE))
"""Lines to take the # away from: name, and value with comment."""
OURS = ("api", "worker", "worker-gpu")
CONTAINERS_OWN = {"INLAY_REDIS_URL", "INLAY_REDIS_PASSWORD_FILE", "INLAY_METRICS_HOST", "INLAY_HEALTH_FILE"}
API_ONLY = {"INLAY_API_KEYS_FILE", "INLAY_ALLOW_ANONYMOUS", "INLAY_WEBHOOK_SECRET", "INLAY_CORS_ORIGINS"}
WORKERS_ONLY = {"INLAY_MODEL", "INLAY_DRAIN_GRACE_S"}

Resolve = Callable[[str], dict[str, dict[str, str]]]


@pytest.fixture
def resolve(tmp_path: Path, missing_system_part: Callable[[str], NoReturn]) -> Resolve:
    """What the real Compose gives our containers, for what is in `.env`."""
    command = compose_command(os.environ["PATH"])
    if command is None:
        missing_system_part("Compose: apt-get install docker-compose")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("INLAY_", "OTEL_", "COMPOSE_"))}

    def run(env: str) -> dict[str, dict[str, str]]:
        (tmp_path / ".env").write_text(env)
        both = [*command, "--profile", "cpu", "--profile", "gpu", "--profile", "observability", "config"]
        done = subprocess.run(both, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
        return {name: {k: v for k, v in services[name]["environment"].items() if v is not None} for name in OURS}

    return run


def written(name: str) -> dict[str, str | None]:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][name]
    found: dict[str, str | None] = service["environment"]
    return found


def test_every_setting_is_listed_or_has_a_short_name_or_belongs_to_the_containers() -> None:
    settings = {f"INLAY_{name.upper()}" for name in Settings.model_fields}
    short = {name for own in OURS for name, value in written(own).items() if "${" in str(value)}
    listed = {name for name in LISTED if name.startswith("INLAY_")}
    assert listed | short | CONTAINERS_OWN == settings
    assert len(listed) + len(short) + len(CONTAINERS_OWN) == len(settings), "each in one place"
    for name in CONTAINERS_OWN:
        assert re.search(rf"^#.* {name}[,.]", EXAMPLE, re.MULTILINE), name


@pytest.mark.parametrize("service", OURS)
def test_what_is_listed_is_what_containers_are_handed(service: str) -> None:
    handed = {name for name, value in written(service).items() if value is None and not name.startswith("AWS_")}
    assert handed == set(LISTED)


@pytest.mark.parametrize("name", [name for name in LISTED if name.startswith("INLAY_")])
def test_the_line_of_a_setting_has_its_default_and_its_unit(name: str) -> None:
    value, comment = LISTED[name].split(" # ")
    row = re.search(rf"^\| `{name}` \| (\S+) \| (\S+) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert row is not None
    default, unit = row.groups()
    assert comment.endswith("unset") if default == "unset" else f"`{value}`" == default
    assert unit in ("–", comment.removesuffix("; unset"))


def test_what_the_example_lists_reaches_the_containers_and_is_valid(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = re.sub(r"^# (?=(INLAY|OTEL)_\w+=)", "", EXAMPLE, flags=re.MULTILINE)
    expected = {name: line.split(" # ")[0] for name, line in LISTED.items()}
    for service, environment in resolve(taken).items():
        assert expected.items() <= environment.items(), service
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.delenv("INLAY_REDIS_PASSWORD_FILE")  # a path in the container
            Settings()


def test_a_setting_in_env_is_taken_and_nothing_is_where_none_is_set(resolve: Resolve) -> None:
    changed = resolve("INLAY_MAX_BATCH=4\nINLAY_TRACING=true\nLOG_FORMAT=console\n")
    for environment in changed.values():
        assert environment["INLAY_MAX_BATCH"] == "4"
        assert environment["INLAY_TRACING"] == "true"
        assert environment["INLAY_LOG_FORMAT"] == "console"
    for environment in resolve("").values():
        assert not environment.keys() & LISTED.keys()


def test_env_changes_nothing_that_belongs_to_the_containers_or_to_the_api_alone(resolve: Resolve) -> None:
    before = resolve("")
    wrong = dict.fromkeys(CONTAINERS_OWN | API_ONLY | WORKERS_ONLY, "/elsewhere")
    assert resolve("".join(f"{name}={value}\n" for name, value in wrong.items())) == before
    found = resolve("WEBHOOK_SECRET=whsec_of-this-test\n")
    assert found["api"]["INLAY_WEBHOOK_SECRET"] == "whsec_of-this-test"
    assert "whsec_" not in str([found["worker"], found["worker-gpu"]])


def test_a_key_of_prometheus_is_a_file_only_if_its_path_says_so(
    tmp_path: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    command = compose_command(os.environ["PATH"])
    if command is None:
        missing_system_part("Compose: apt-get install docker-compose")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (shown,) = re.findall(r"begins with \./ or /, as (\S+):", EXAMPLE)
    for path, taken in ((shown, 0), ("prometheus.key", 1)):
        (tmp_path / ".env").write_text(f"PROMETHEUS_KEY_FILE={path}\n")
        done = subprocess.run([*command, "config"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert min(done.returncode, 1) == taken, done.stderr
