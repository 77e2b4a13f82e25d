"""What docker and kubectl do without an engine and a cluster: `python -m tests.deploy.without_engine docker compose …`.

For walks through the pages. The compose file is resolved by the real Compose, options and services must be there, what
containers would print or run is printed from `$WALK_LOGS` or run here, on `$WALK_VOLUMES`; kubectl is the real one,
kept from asking a server.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import named, written

WITH_VALUE = ("--profile", "--scale", "--target", "-v", "-n")
IN_CONTAINERS = "/run/inlay/redis-password"


class Misspelt(Exception):
    """The command would not work; the message says why."""


def split(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Leading options with their values, and what comes after them."""
    options, rest = [], list(words)
    while rest and rest[0].startswith("-"):
        name = rest.pop(0)
        options.append((name, rest.pop(0) if name in WITH_VALUE else ""))
    return options, rest


def output_of(*command: str) -> str:
    """What a real program prints. Raises `Misspelt` if it does not like the command."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Misspelt(done.stderr)
    return done.stdout


def known_output_of(*command: str) -> str:
    """The same, kept in `$WALK_KNOWN`: Compose's old program takes half a second to say anything."""
    path = Path(os.environ["WALK_KNOWN"]) / hashlib.sha256("\n".join(command).encode()).hexdigest()
    if not path.exists():
        path.write_text(output_of(*command))
    return path.read_text()


def compose_command(path: str) -> list[str] | None:
    """The real Compose: the plugin of docker, or the program that came before it; none if neither is on the path."""
    docker = shutil.which("docker", path=path)
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return [docker, "compose"]
    older = shutil.which("docker-compose", path=path)
    return [older] if older else None


def compose(words: Sequence[str]) -> int:
    """`docker compose`, its file resolved with the profiles that were named."""
    command = compose_command(os.environ["WALK_PATH"])
    if command is None:
        raise Misspelt("there is no Compose")
    globals_, (verb, *others) = split(words)
    profiles = [word for option in globals_ for word in option]
    known_output_of(*command, *profiles, "config")
    services: dict[str, Any] = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]
    known = {name for service in services.values() for name in service.get("profiles", ())}
    options, rest = split(others)
    named = [value.partition("=")[0] for option, value in options if option == "--scale"]
    named += rest[:1] if verb == "exec" else rest
    if unknown := {value for _, value in globals_} - known | set(named) - set(services):
        raise Misspelt(f"the compose file has no {', '.join(sorted(unknown))}")
    told = known_output_of(*command, verb, "--help")
    if missing := [option for option, _ in options if not re.search(rf"(^|[\s,]){option}\b", told)]:
        raise Misspelt(f"{verb} has no {', '.join(missing)}")
    if verb == "logs":
        sys.stdout.write(Path(os.environ["WALK_LOGS"]).read_text())
    if verb == "exec":
        if rest[1:] == ["python", "-m", "worker.health", "--ready"]:
            return 0  # as a warm worker; its own tests know the others
        here = [word.replace(IN_CONTAINERS, os.environ["WALK_PASSWORD_FILE"]) for word in rest[1:]]
        return subprocess.run(here, check=False).returncode
    return 0


def run(words: Sequence[str]) -> int:
    """`docker run`: the command after the image, on the folders behind the volumes."""
    options, (_, *command) = split(words)
    for option, value in options:
        if option == "-v":
            source, target = value.split(":")[:2]
            folder = source if source.startswith("/") else f"{os.environ['WALK_VOLUMES']}/{source}"
            if not Path(folder).is_dir():
                raise Misspelt(f"there is no volume {source}")
            command = [re.sub(rf"^{target}(?=/|$)", folder, word) for word in command]
    return subprocess.run(command, check=False).returncode


def build(words: Sequence[str]) -> int:
    """`docker build`: there is such a stage."""
    for option, value in split(words)[0]:
        if option == "--target" and f" AS {value}\n" not in Path("Dockerfile").read_text():
            raise Misspelt(f"the Dockerfile has no {value}")
    return 0


def rolling(words: Sequence[str]) -> None:
    """`kubectl set image` and `kubectl rollout status`: there is such a deployment with such a container."""
    options, (*verb, target, image) = split([*words, ""] if words[-2:-1] == ["status"] else words)
    if options != [("-n", "inlay")]:
        raise Misspelt("Inlay is in the namespace inlay")
    deployment = named(written(), "Deployment", target.removeprefix("deployment/"))
    containers = {each["name"] for each in deployment["spec"]["template"]["spec"]["containers"]}
    if verb == ["set", "image"] and image.partition("=")[0] not in containers:
        raise Misspelt(f"{target} has no container of {image}")


def kubectl(words: Sequence[str]) -> int:
    """The real one, which prints what it would send; of what changes deployments, only whether these are there."""
    if {"set", "rollout"} & set(words):
        rolling(words)
        return 0
    real = shutil.which("kubectl", path=os.environ["WALK_PATH"])
    if real is None:
        raise Misspelt("there is no kubectl")
    if words[:2] == ["apply", "-k"]:
        sys.stdout.write(output_of(real, "kustomize", *words[2:]))
    else:
        sys.stdout.write("---\n" + output_of(real, *words, "--dry-run=client", "-o", "yaml"))
    return 0


def main(arguments: Sequence[str]) -> int:
    """The program's name and its arguments."""
    program, *words = arguments
    try:
        if program == "kubectl":
            return kubectl(words)
        return {"compose": compose, "run": run, "build": build}[words[0]](words[1:])
    except Misspelt as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
