"""Who follows docs/deploy.md and docs/operations.md word by word gets what they say, as far as can be told here."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from tests.deploy.manifests import objects, pods
from tests.deploy.pages import filled, mentioned, shown
from tests.deploy.redis_with_users import PASSWORD, RedisWithUsers
from tests.deploy.watched import ROOT
from tests.deploy.without_engine import compose_command

DEPLOY, OPERATIONS = "docs/deploy.md", "docs/operations.md"
PLACES = (
    ("NAME", "first"),
    ("REQUEST_ID", "the-request"),
    ("REGISTRY", "registry.example.com"),
    ("NEW_TAG", "0.2.0"),
    ("OLD_TAG", "0.1.0"),
)
COPIED = ("docker-compose.yml", ".env.example", "Dockerfile", "Makefile")
LOGGING = """
import logging
from jobs.logs import configure_logs
from jobs.settings import Settings
configure_logs(Settings(log_format="json"))
for request in ("another", "the-request"):
    logging.getLogger("worker").warning("job failed", extra={"request_id": request})
"""
SHORTENED = {
    "make deploy-tools": "make --dry-run deploy-tools",
    "inlay bench engine": "inlay bench engine --help",
    "python -m worker.health": "python -m worker.health --help",
}
"""Commands that fetch, take minutes, or need a worker; there is such a one."""
LEFT = {
    "kubectl apply -k": "half a command; the whole one is tried",
    "kubectl kustomize": "what renders overlays for these very tests",
    "kustomize edit set image inlay-api=REGISTRY/inlay-api:TAG": "kustomize itself is no package of Debian's",
}

Walk = Callable[[str], str]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisWithUsers]:
    with RedisWithUsers() as server:
        yield server


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Compose has answered in this module."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout as far as the commands look at it."""
    folder = tmp_path / "inlay"
    folder.mkdir()
    for name in COPIED:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    (tmp_path / "volumes").mkdir()
    return folder


@pytest.fixture
def walk(place: Path, known: Path, redis: RedisWithUsers, missing_system_part: Callable[[str], NoReturn]) -> Walk:
    """Runs a script of bash's and returns what it printed; docker and kubectl are what they can be here."""
    if compose_command(os.environ["PATH"]) is None:
        missing_system_part("Compose: apt-get install docker-compose")
    if shutil.which("redis-cli") is None:
        missing_system_part("redis-cli: apt-get install redis-tools")
    programs, logs = place.parent / "bin", place.parent / "logs"
    programs.mkdir()
    for name in ("docker", "kubectl"):
        write_program(programs / name, f'exec {sys.executable} -m tests.deploy.without_engine {name} "$@"')
    write_program(programs / "redis-cli", f'exec {shutil.which("redis-cli")} -p {redis.port} "$@"')
    logged = subprocess.run([sys.executable, "-c", LOGGING], cwd=ROOT, capture_output=True, text=True, check=True)
    logs.write_text(logged.stderr)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("INLAY_", "COMPOSE_"))}
    environ |= {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "REDISCLI_AUTH": PASSWORD,
        "WALK_KNOWN": str(known),
        "WALK_LOGS": str(logs),
        "WALK_PASSWORD_FILE": str(redis.password_file),
        "WALK_PATH": os.environ["PATH"],
        "WALK_VOLUMES": str(place.parent / "volumes"),
    }

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_page_of_deployment_makes_the_secrets_that_pods_ask_for(walk: Walk, place: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")  # in CI too, as for the overlays: no package of Debian's brings one
    printed = walk("\n".join(shown(DEPLOY)))
    sent = yaml.safe_load_all("\n".join(line for line in printed.splitlines() if not line.startswith("inlay_")))
    made = {(each["kind"], each["metadata"]["name"]): each.get("data", {}) for each in sent if each}
    assert set(made) == {("Namespace", "inlay"), *(("Secret", name) for name in secrets_asked_for())}
    assert len(base64.b64decode(made["Secret", "inlay-redis"]["password"])) == 64
    keys = base64.b64decode(made["Secret", "inlay-api-keys"]["keys"]).decode()
    prometheus = hashlib.sha256(base64.b64decode(made["Secret", "inlay-prometheus"]["key"])).hexdigest()
    assert re.fullmatch(rf"prometheus:sha256:{prometheus}\nfirst:sha256:[0-9a-f]{{64}}\n", keys)
    assert (place / ".env").read_text() == (ROOT / ".env.example").read_text()


def secrets_asked_for() -> set[str]:
    """Names of the secrets that are mounted or named somewhere and made nowhere."""
    monitors = [each for each in objects("gpu") if each["kind"] == "PodMonitor"]
    endpoints = [endpoint for monitor in monitors for endpoint in monitor["spec"]["podMetricsEndpoints"]]
    keys = {end["authorization"]["credentials"]["name"] for end in endpoints if "authorization" in end}
    volumes = [volume for _, pod in pods(objects("gpu")) for volume in pod["spec"].get("volumes", ())]
    return keys | {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}


def test_a_request_is_found_in_the_logs_and_a_copy_of_redis_is_all_that_is_needed(
    walk: Walk, place: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    """The page's commands in their order; the volume is that of a real Redis, and its copy is started as another."""
    own = shutil.which("redis-server")  # of 7 or newer, as the container's: the bundled one keeps its file elsewhere
    if own is None:
        missing_system_part("redis-server: apt-get install redis-server")
    with RedisWithUsers(server=Path(own)) as server:
        with server.client() as client:
            client.set("inlay:job:accepted", "kept")
        server.process.terminate()
        server.process.wait(timeout=30)
        shutil.copytree(server.folder / "appendonlydir", place.parent / "volumes" / "inlay_redis" / "appendonlydir")
    found, pong = walk(filled("\n".join(shown(OPERATIONS)), PLACES)).splitlines()
    assert '"request_id": "the-request"' in found
    assert pong == "PONG"
    restored = RedisWithUsers(server=Path(own))
    subprocess.run(["tar", "-C", restored.folder, "-xf", place / "redis.tar"], check=True)
    with restored, restored.client() as client:
        assert client.get("inlay:job:accepted") == b"kept"


def test_an_upgrade_rolls_the_workers_and_waits_before_the_api_and_a_rollback_the_other_way() -> None:
    page = (ROOT / OPERATIONS).read_text()
    there, back = (part.split("**Redis's password**")[0] for part in page.split("## Upgrade")[1].split("**Rollback**"))
    worker, api = "deployment/inlay-worker", "deployment/inlay-api"
    compose = [r"up -d --no-deps worker-gpu$", r"^ *\$ until .*exec worker-gpu .*--ready;", r"up -d --no-deps api$"]
    cluster = [f"set image {worker} ", f"rollout status {worker}$", f"set image {api} ", f"rollout status {api}$"]
    assert in_order(there, compose)
    assert in_order(there, cluster)
    assert in_order(back, [compose[2], compose[0]])
    assert in_order(back, [*cluster[2:], *cluster[:2]])
    assert "apply -k" not in "".join(shown(OPERATIONS)), "rolls both at once"


def in_order(text: str, wanted: list[str]) -> bool:
    """Each is found once, after the one before."""
    found = [[match.start() for match in re.finditer(each, text, re.MULTILINE)] for each in wanted]
    places = [place for places in found for place in places]
    return len(places) == len(wanted) and places == sorted(places)


def test_the_copied_example_names_the_volumes_as_the_page_of_operations_does() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    project = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    named = {f"{project['COMPOSE_PROJECT_NAME']}_{volume}" for volume in volumes}
    page = (ROOT / OPERATIONS).read_text()
    assert set(re.findall(r"-v (\w+):", page)) <= named


@pytest.mark.parametrize("page", [DEPLOY, OPERATIONS])
def test_commands_in_sentences_work_too(walk: Walk, page: str) -> None:
    commands = [command for command in mentioned(page) if command not in LEFT]
    assert len(commands) > 5
    needs_kubectl = shutil.which("kubectl") is None
    tried = [command for command in commands if not (needs_kubectl and command.startswith("kubectl"))]
    walk("\n".join(["cp .env.example .env", *(filled(SHORTENED.get(one, one), PLACES) for one in tried)]))


def test_a_misspelt_command_does_not_pass_for_a_right_one(walk: Walk) -> None:
    for command in (
        "docker compose up -d no-such-service",
        "docker compose --profile no-such-profile up",
        "docker compose up --no-such-option",
        "docker build --target no-such-stage",
        "docker run --rm -v inlay_no-such-volume:/data:ro alpine true",
        "kubectl -n inlay set image deployment/inlay-worker api=registry.example.com/inlay-worker:0.2.0",
        "kubectl rollout status deployment/inlay-worker",
    ):
        walk(f"! {command} 2>&1")
