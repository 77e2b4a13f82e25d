"""The components of deploy/k8s: what is scraped and by which rules, and the ways that are opened on demand."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import K8S, OVERLAYS, built, named, objects, pods
from tests.deploy.watched import PROMETHEUS, RULE_FILES

COMPONENTS = K8S / "components"
MONITORED = ("written", "gpu")
OURS = {"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "worker"]}


@pytest.fixture(scope="module")
def scraped() -> dict[str, Any]:
    """Prometheus's own configuration: jobs by name."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    return {
        job["job_name"]: job | {"interval": config["global"]["scrape_interval"]} for job in config["scrape_configs"]
    }


@pytest.mark.parametrize("source", MONITORED)
@pytest.mark.parametrize("name", ["inlay-api", "inlay-worker"])
def test_pods_are_scraped_on_the_ports_and_under_the_names_that_prometheus_has(
    name: str, source: str, scraped: dict[str, Any]
) -> None:
    found = objects(source)
    spec = named(found, "PodMonitor", name)["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    assert [each for each, pod in pods(found) if wanted <= pod["metadata"]["labels"].items()] == [name]
    (endpoint,) = spec["podMetricsEndpoints"]
    (container,) = dict(pods(found))[name]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (targets,) = scraped[name]["dns_sd_configs"]
    assert ports[endpoint["port"]] == targets["port"]
    assert (endpoint["path"], endpoint["interval"]) == ("/metrics", scraped[name]["interval"])
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": name}]
    policy = named(found, "NetworkPolicy", name)["spec"]["ingress"]
    assert targets["port"] in {port["port"] for rule in policy for port in rule["ports"]}


@pytest.mark.parametrize("source", MONITORED)
def test_the_key_of_metrics_is_only_named_and_goes_to_the_api_alone(source: str) -> None:
    monitors = [each for each in objects(source) if each["kind"] == "PodMonitor"]
    asked = {each["metadata"]["name"]: each["spec"]["podMetricsEndpoints"][0].get("authorization") for each in monitors}
    assert asked == {
        "inlay-api": {"credentials": {"name": "inlay-prometheus", "key": "key"}},
        "inlay-worker": None,
    }


@pytest.mark.parametrize("source", MONITORED)
def test_rules_are_those_of_prometheus(source: str) -> None:
    ours = [group for path in sorted(RULE_FILES, reverse=True) for group in yaml.safe_load(path.read_text())["groups"]]
    assert named(objects(source), "PrometheusRule", "inlay")["spec"]["groups"] == ours


def test_the_file_of_rules_is_what_its_script_prints() -> None:
    script = COMPONENTS / "monitoring" / "write_rules.sh"
    printed = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    assert (COMPONENTS / "monitoring" / "rules.yaml").read_text() == printed


def test_workers_are_scaled_by_what_the_monitors_name() -> None:
    found = objects("gpu")
    monitor = named(found, "PodMonitor", "inlay-api")
    (relabeling,) = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]
    labels = f'{{namespace="{monitor["metadata"]["namespace"]}",job="{relabeling["replacement"]}"}}'
    for trigger in named(found, "ScaledObject", "inlay-worker")["spec"]["triggers"]:
        assert labels in trigger["metadata"]["query"]


def with_components(folder: Path, overlay: str, *names: str) -> list[dict[str, Any]]:
    """The overlay with these components beside its own."""
    deploy = folder / "deploy"
    for part in ("k8s", "redis"):
        shutil.copytree(K8S.parent / part, deploy / part)
    own = deploy / "k8s" / "overlays" / "own"
    own.mkdir()
    used = [f"../../components/{name}" for name in names]
    own.joinpath("kustomization.yaml").write_text(
        yaml.safe_dump({"namespace": "inlay", "resources": [f"../{overlay}"], "components": used})
    )
    return list(yaml.safe_load_all(built(own)))


def opened(policy: dict[str, Any]) -> list[tuple[Any, int]]:
    """To whom, on which port, for a policy that lets our pods out."""
    spec = policy["spec"]
    assert spec["policyTypes"] == ["Egress"]
    assert spec["podSelector"] == {"matchExpressions": [OURS]}
    return [(to, port["port"]) for rule in spec["egress"] for to in rule["to"] for port in rule["ports"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_tracing_opens_the_way_to_the_collector_that_it_names(overlay: str, tmp_path: Path) -> None:
    found = with_components(tmp_path, overlay, "tracing")
    config = settings_of(found)
    assert config["INLAY_TRACING"] == "true"
    assert config["INLAY_METRICS_PORT"] == "9100", "the other settings stay"
    place = re.fullmatch(r"http://[\w-]+\.([\w-]+)\.svc:(\d+)", config["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert place is not None
    ((to, port),) = opened(named(found, "NetworkPolicy", "inlay-tracing"))
    assert to["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": place[1]}
    assert port == int(place[2])


def settings_of(found: list[dict[str, Any]]) -> dict[str, str]:
    data: dict[str, str]
    (data,) = (each["data"] for each in found if each["kind"] == "ConfigMap" and "INLAY_METRICS" in each["data"])
    return data


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_private_store_is_reached_by_its_namespace_or_by_one_address(overlay: str, tmp_path: Path) -> None:
    found = with_components(tmp_path, overlay, "private-store")
    inside, outside = opened(named(found, "NetworkPolicy", "inlay-private-store"))
    assert inside[0]["namespaceSelector"]["matchLabels"].keys() == {"kubernetes.io/metadata.name"}
    assert outside[1] == 443
    assert ipaddress.ip_network(outside[0]["ipBlock"]["cidr"]).num_addresses == 1


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_such_way_is_open_unless_asked_for(overlay: str) -> None:
    names = {each["metadata"]["name"] for each in objects(overlay) if each["kind"] == "NetworkPolicy"}
    assert not names & {"inlay-tracing", "inlay-private-store"}
