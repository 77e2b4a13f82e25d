"""The Kubernetes objects of deploy/: as files, and as `kubectl apply -k` would send them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("cpu", "gpu")
Manifest = dict[str, Any]


def written() -> list[Manifest]:
    """Every object as it stands in the files, patches and kustomizations left out."""
    folders = [
        K8S / "base",
        *(K8S / "components" / name for name in ("autoscaling", "monitoring")),
        ROOT / "deploy" / "redis",
    ]
    files = [path for folder in folders for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"]
    return [found for path in files for found in yaml.safe_load_all(path.read_text())]


@cache
def rendered(overlay: str) -> str:
    """What an overlay comes to."""
    return built(K8S / "overlays" / overlay)


def built(folder: Path) -> str:
    """What a kustomization comes to. Debian packages no kustomize that is new enough: skips where there is none."""
    for command in (["kustomize", "build", str(folder)], ["kubectl", "kustomize", str(folder)]):
        if shutil.which(command[0]):
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # In CI too: no package of Debian's brings one, and the files as written are checked without.
    pytest.skip("needs kubectl or kustomize")  # kustomize is one binary, from its project's releases


def objects(source: str) -> list[Manifest]:
    """Of an overlay, or of the files (`written`)."""
    return written() if source == "written" else list(yaml.safe_load_all(rendered(source)))


def named(found: list[Manifest], kind: str, name: str) -> Manifest:
    """The one object of this kind and name."""
    (one,) = (each for each in found if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return one


def pods(found: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name and pod template of everything that runs."""
    for each in found:
        if each["kind"] in {"Deployment", "StatefulSet"}:
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(found: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name of the workload and each of its containers."""
    for name, pod in pods(found):
        for container in pod["spec"]["containers"]:
            yield name, container
