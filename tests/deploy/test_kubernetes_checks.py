"""Kubernetes's own schemas and a policy checker, where `make deploy-tools` has fetched them (a hundred megabytes)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import OVERLAYS, ROOT, rendered

TOOLS = ROOT / ".deploy_cache" / "bin"
NOT_KUBERNETES = {"ScaledObject", "PodMonitor", "PrometheusRule"}
"""KEDA's and the Prometheus operator's; no schemas of them are bundled."""

LEFT = {
    "CKV_K8S_43": "digests of images are known to who builds them: kustomize edit set image",
    "CKV_K8S_15": "tags are never moved, and a pull that fails would keep a worker from starting",
}


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"needs {name}: make deploy-tools")  # a hundred megabytes, so CI goes without
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_meet_the_schemas_of_kubernetes(overlay: str, tmp_path: Path) -> None:
    validate = tool("kubernetes-validate")
    ours = [each for each in yaml.safe_load_all(rendered(overlay)) if each["kind"] not in NOT_KUBERNETES]
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(ours))
    checked = subprocess.run(
        [validate, "--strict", "-k", "1.31", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("passed") + checked.stderr.count("passed") >= len(ours)


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_policy_checker_finds_nothing_but_what_is_left_with_a_reason(overlay: str, tmp_path: Path) -> None:
    checkov = tool("checkov")
    file = tmp_path / f"{overlay}.yaml"
    file.write_text(rendered(overlay))
    command = [checkov, "-f", str(file), "--framework", "kubernetes", "--compact", "--quiet", "--skip-download"]
    checked = subprocess.run([*command, "-o", "json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    report = json.loads(checked.stdout)
    failed = {(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]}
    assert {found for found in failed if found[0] not in LEFT} == set()
    assert report["summary"]["passed"] > 100
