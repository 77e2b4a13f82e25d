"""The container files, as far as they can be judged without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environ or None, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def locked(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.partition(";")[0].split("==") for line in lines if line and not line.startswith("#"))


def test_dockerfile_passes_hadolint() -> None:
    linted = run(str(SCRIPTS / "hadolint"), "Dockerfile")
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_compose_file_meets_the_compose_specification() -> None:
    checker = [str(SCRIPTS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    checked = run(*checker)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("profile", ["cpu", "gpu", "observability"])
def test_compose_resolves_the_file(profile: str, missing_system_part: Callable[[str], NoReturn]) -> None:
    if shutil.which("docker") and run("docker", "compose", "version").returncode == 0:
        compose = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        compose = ["docker-compose"]
    else:
        missing_system_part("Compose: apt-get install docker-compose")
    resolved = run(*compose, "--profile", profile, "config", PATH=os.environ["PATH"])
    assert resolved.returncode == 0, resolved.stderr
    services = set(yaml.safe_load(resolved.stdout)["services"])
    assert {"redis", "api", "gateway"} < services


def test_every_base_image_is_pinned_to_an_exact_tag(dockerfile: str, compose: dict[str, Any]) -> None:
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    images += [service["image"] for service in compose["services"].values() if "image" in service]
    assert images
    for image in images:
        assert re.search(r":v?\d+\.\d+\.\d+(-|$)", image), image


def test_every_stage_that_runs_drops_root(dockerfile: str) -> None:
    stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]
    running = [stage for stage in stages if "\nCMD" in stage]
    assert len(running) == 2
    assert all("\nUSER 10001:10001" in stage for stage in running)


def test_the_default_image_is_the_api_and_installs_the_lock_without_torch(dockerfile: str) -> None:
    assert dockerfile.rindex("AS api\n") > dockerfile.rindex("AS worker\n")
    assert "--no-deps -r requirements-api.lock" in dockerfile
    assert "torch" not in locked("requirements-api.lock")


def test_images_hold_the_versions_that_the_tests_ran_with() -> None:
    everything = locked("requirements.lock")
    for name in ("requirements-api.lock", "requirements-worker.lock"):
        assert locked(name).items() <= everything.items()


def test_locks_name_no_index_no_path_and_no_build() -> None:
    for path in ROOT.glob("requirements*.lock"):
        for line in path.read_text().splitlines():
            assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*(; [\w\"!<>=. ]+)?", line), line


def test_what_is_copied_is_let_through_by_dockerignore(dockerfile: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    for source in " ".join(copies).split():
        assert f"!{source}" in ignored, source


def test_compose_sets_only_settings_that_exist(compose: dict[str, Any]) -> None:
    known = {f"INLAY_{name.upper()}" for name in Settings.model_fields}
    assert set(inlay_variables(compose)) <= known


def inlay_variables(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if str(key).startswith("INLAY_"):
                yield str(key)
            yield from inlay_variables(value)


def test_every_variable_of_compose_is_explained_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == explained - {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}


def test_redis_is_not_published_and_keeps_what_it_accepts(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert redis["entrypoint"] == ["/bin/sh", "/etc/redis/start.sh"]
    start = (ROOT / "deploy" / "redis" / "start.sh").read_text()
    for option in ("--aclfile ", "--appendonly yes ", "--maxmemory-policy noeviction "):
        assert option in start, option
    assert "ports" not in redis
    # Reading a long append-only file back takes longer than a few failed checks.
    assert redis["healthcheck"]["start_period"] == "120s"
    assert redis["networks"] == ["store"]
    assert compose["networks"]["store"] == {"internal": True}


def test_no_password_stands_in_a_file_or_in_the_environment(compose: dict[str, Any]) -> None:
    for name in ("api", "worker", "worker-gpu"):
        service = compose["services"][name]
        assert service["environment"]["INLAY_REDIS_URL"] == "redis://inlay@redis:6379/0"
        assert service["environment"]["INLAY_REDIS_PASSWORD_FILE"] == "/run/inlay/redis-password"
        assert "secret:/run/inlay:ro" in service["volumes"]
    secret = compose["services"]["secret"]
    assert secret["network_mode"] == "none"
    assert secret["volumes"] == ["secret:/run/inlay"]


def test_the_password_is_made_once(compose: dict[str, Any], tmp_path: Path) -> None:
    made = tmp_path / "redis-password"
    (script,) = compose["services"]["secret"]["command"]
    passwords = set()
    for _ in range(2):
        assert (
            run("/bin/sh", "-c", script.replace("/run/inlay", str(tmp_path)), PATH=os.environ["PATH"]).returncode == 0
        )
        passwords.add(made.read_text())
    assert re.fullmatch("[0-9a-f]{64}", passwords.pop())
    assert not passwords


def test_everything_is_published_on_loopback_only_and_the_api_by_the_gateway(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))
    assert services["gateway"]["ports"] == ["127.0.0.1:${API_PORT:-8000}:8080"]
    assert services["gateway"]["networks"] == ["outside"]
    assert "ports" not in services["api"]
    assert services["api"]["deploy"]["replicas"] == "${API_REPLICAS:-2}"


def test_api_refuses_to_be_open_unless_the_example_is_copied(compose: dict[str, Any]) -> None:
    environment = compose["services"]["api"]["environment"]
    assert environment["INLAY_ALLOW_ANONYMOUS"] == "${ALLOW_ANONYMOUS:-false}"
    assert environment["INLAY_API_KEYS_FILE"] == "${API_KEYS_FILE:-}"
    assert Settings.model_validate({"api_keys_file": ""}).api_keys_file is None


def test_workers_are_given_longer_to_stop_than_they_take_to_drain(compose: dict[str, Any]) -> None:
    for name in ("worker", "worker-gpu"):
        worker = compose["services"][name]
        (drain_s,) = re.findall(r":-(\d+)", worker["environment"]["INLAY_DRAIN_GRACE_S"])
        assert int(worker["stop_grace_period"].removesuffix("s")) >= int(drain_s) + 60
        assert int(drain_s) >= 600, "longer than a job"


def test_every_image_of_ours_says_how_it_is_asked_for_its_health(dockerfile: str) -> None:
    stages = [stage for stage in re.split(r"^FROM ", dockerfile, flags=re.MULTILINE) if "\nCMD" in stage]
    assert all("\nHEALTHCHECK" in stage for stage in stages)
    (worker,) = (stage for stage in stages if "worker.health" in stage)
    assert "INLAY_HEALTH_FILE=/tmp/" in worker, "the one place that is writable"


def test_the_api_is_given_longer_to_stop_than_it_gives_its_answers(compose: dict[str, Any]) -> None:
    assert int(compose["services"]["api"]["stop_grace_period"].removesuffix("s")) >= 20


def test_gpu_worker_reserves_a_device(compose: dict[str, Any]) -> None:
    (device,) = compose["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_services_run_hardened(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], json.dumps(service)
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_the_api_starts_where_torch_is_not_installed() -> None:
    absent = ("torch", "diffusers", "transformers", "numpy", "safetensors")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}, None)); from app.main import create_app; create_app()"
    )
    started = run(sys.executable, "-c", program)
    assert started.returncode == 0, started.stderr
