"""What deploy/k8s promises: restricted pods, nobody killed at work, secrets by reference, only the ways needed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from jobs import metrics
from jobs.settings import Settings
from tests.deploy.manifests import K8S, OVERLAYS, ROOT, containers, named, objects, pods

SOURCES = ("written", *OVERLAYS)
CLOSING_S = 30
"""Longer than a worker takes to write its last results after draining."""


@pytest.fixture(params=SOURCES)
def found(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return objects(request.param)


def settings() -> dict[str, str]:
    base = yaml.safe_load((K8S / "base" / "kustomization.yaml").read_text())
    (generated,) = base["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generated["literals"])


def test_pods_meet_the_restricted_standard(found: list[dict[str, Any]]) -> None:
    assert dict(pods(found)).keys() >= {"inlay-api", "inlay-worker"}
    for name, pod in pods(found):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert not any("hostPath" in volume for volume in spec["volumes"])
    for name, container in containers(found):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_every_container_has_probes_and_bounds(found: list[dict[str, Any]]) -> None:
    for name, container in containers(found):
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name


def test_the_cluster_itself_refuses_other_pods(found: list[dict[str, Any]]) -> None:
    labels = named(found, "Namespace", "inlay")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_worker_is_killed_long_after_it_has_drained(found: list[dict[str, Any]]) -> None:
    grace_s = dict(pods(found))["inlay-worker"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= int(settings()["INLAY_DRAIN_GRACE_S"]) + CLOSING_S


def test_the_api_is_killed_after_its_last_answers(found: list[dict[str, Any]]) -> None:
    spec = dict(pods(found))["inlay-api"]["spec"]
    (api,) = spec["containers"]
    slept_s = int(api["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] >= slept_s + 10 + CLOSING_S / 2


def test_busy_is_ready_and_stuck_is_not_alive(found: list[dict[str, Any]]) -> None:
    worker = dict(containers(found))["inlay-worker"]
    assert worker["readinessProbe"]["exec"]["command"] == ["python", "-m", "worker.health", "--ready"]
    assert worker["livenessProbe"]["exec"]["command"] == ["python", "-m", "worker.health"]
    startup = worker["startupProbe"]
    startup_s = startup["periodSeconds"] * startup["failureThreshold"]
    assert startup_s >= 1800, "a checkpoint is fetched meanwhile"
    (deadline_s,) = (
        each["spec"]["progressDeadlineSeconds"]
        for each in found
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "inlay-worker"
    )
    assert deadline_s > startup_s, "else `kubectl rollout status` gives up while it is fetched"
    api = dict(containers(found))["inlay-api"]
    assert {api[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} == {"/healthz"}


def test_settings_exist_and_are_valid() -> None:
    given = {name.removeprefix("INLAY_").lower(): value for name, value in settings().items()}
    assert set(given) <= set(Settings.model_fields)
    Settings.model_validate({name: value for name, value in given.items() if name != "redis_password_file"})


def test_secrets_are_only_named(found: list[dict[str, Any]]) -> None:
    assert not [each for each in found if each["kind"] == "Secret"]
    for _, container in containers(found):
        assert not re.search("secret|password|key", str(container.get("env", "")), re.IGNORECASE)
    for name in ("inlay-api", "inlay-worker"):
        volumes = dict(pods(found))[name]["spec"]["volumes"]
        assert {"inlay-redis"} <= {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    assert not re.search(r"redis://[^/]*:[^/@]+@", str(settings()))


def test_what_is_selected_is_there(found: list[dict[str, Any]]) -> None:
    labels = [pod["metadata"]["labels"].items() for _, pod in pods(found)]
    for each in found:
        if each["kind"] in {"Service", "PodDisruptionBudget"}:
            selector = each["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert sum(wanted <= each_pod for each_pod in labels) == 1, each["metadata"]["name"]


def test_nothing_goes_in_or_out_that_is_not_named(found: list[dict[str, Any]]) -> None:
    policies = [each for each in found if each["kind"] == "NetworkPolicy"]
    deny = named(policies, "NetworkPolicy", "inlay-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ports = {
        port["port"]
        for policy in policies
        for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
        for port in rule["ports"]
    }
    assert ports == {53, 443, 6379, 8000, 9100}
    outward = named(policies, "NetworkPolicy", "inlay-outward")["spec"]["egress"]
    (public,) = (block["ipBlock"] for rule in outward for block in rule["to"] if "ipBlock" in block)
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(public["except"])


def test_pods_go_one_at_a_time_when_nodes_are_emptied(found: list[dict[str, Any]]) -> None:
    for name in ("inlay-api", "inlay-worker"):
        assert named(found, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("source", ["written", "gpu"])
def test_workers_are_scaled_on_age_depth_and_in_flight_and_down_slowly(source: str) -> None:
    spec = named(objects(source), "ScaledObject", "inlay-worker")["spec"]
    queries = {trigger["name"]: trigger["metadata"]["query"] for trigger in spec["triggers"]}
    assert queries.keys() == {"oldest-job-age", "depth", "in-flight"}
    known = {metric.name for metric in metrics.ALL}
    for query in queries.values():
        assert set(re.findall(r"inlay_\w+", query)) <= known, query
        assert query.startswith("max("), "every API process tells the same gauges"
        assert 'namespace="inlay",job="inlay-api"' in query, "not those of another service"
    batch = str(Settings.model_fields["max_batch"].default)
    thresholds = {trigger["name"]: trigger["metadata"]["threshold"] for trigger in spec["triggers"]}
    assert thresholds["depth"] == thresholds["in-flight"] == batch
    assert spec["minReplicaCount"] >= 1
    (policy,) = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["policies"]
    assert (policy["type"], policy["value"]) == ("Pods", 1)


@pytest.mark.parametrize("source", ["written", "gpu"])
def test_workers_stay_when_prometheus_answers_nothing(source: str) -> None:
    spec = named(objects(source), "ScaledObject", "inlay-worker")["spec"]
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["ignoreNullValues"] == "false", "an empty answer would be a queue of length 0"
    # KEDA's fallback knows triggers of the type Value since 2.18.
    assert {trigger["metricType"] for trigger in spec["triggers"]} == {"Value", "AverageValue"}
    assert "KEDA 2.18 or newer" in (ROOT / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_name_images_by_tag_and_keep_the_rest(overlay: str) -> None:
    found = objects(overlay)
    for name, container in containers(found):
        assert re.search(r"[a-z0-9]:\d+\.\d+\.\d+(-|$)", container["image"]), name
    assert all(each["metadata"].get("namespace", "inlay") == "inlay" for each in found)
    known = {"apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1", "v1"}
    assert {each["apiVersion"] for each in objects("cpu")} <= known, "a cluster without KEDA and Prometheus can run it"


def test_the_gpu_overlay_asks_for_one_gpu_a_worker_and_for_tls() -> None:
    found = objects("gpu")
    worker = dict(containers(found))["inlay-worker"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == worker["resources"]["requests"]["nvidia.com/gpu"] == "1"
    config = named(found, "ConfigMap", "inlay")["data"]
    assert config["INLAY_REDIS_URL"].startswith("rediss://")
    assert config["INLAY_DRAIN_GRACE_S"] == settings()["INLAY_DRAIN_GRACE_S"]
