"""The compose profile `observability`: Prometheus reaches what it is to scrape, and nothing that it is not."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.watched import PROMETHEUS, ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


@pytest.fixture(scope="module")
def scraped() -> dict[str, Any]:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    return {job["job_name"]: job for job in jobs}


def test_prometheus_and_grafana_start_only_when_asked_for_and_reach_no_store(services: dict[str, Any]) -> None:
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["observability"]
        assert services[name]["networks"] == ["outside"]


def test_every_replica_of_the_api_is_scraped_where_its_image_listens(
    services: dict[str, Any], scraped: dict[str, Any]
) -> None:
    (targets,) = scraped["inlay-api"]["dns_sd_configs"]
    assert (targets["names"], targets["type"]) == (["api"], "A")
    (command,) = re.findall(r'^CMD \[.*"app".*\]$', (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert f'"--port", "{targets["port"]}"' in command
    assert "outside" in services["api"]["networks"]


def test_workers_are_scraped_on_the_port_that_compose_gives_them(
    services: dict[str, Any], scraped: dict[str, Any]
) -> None:
    (targets,) = scraped["inlay-worker"]["dns_sd_configs"]
    assert targets["names"] == [name for name in services if name.startswith("worker")]
    for name in targets["names"]:
        assert services[name]["environment"]["INLAY_METRICS_PORT"] == f"${{WORKER_METRICS_PORT-{targets['port']}}}"
        assert services[name]["environment"]["INLAY_METRICS_HOST"] != "127.0.0.1"
        assert "outside" in services[name]["networks"]


def test_prometheus_keeps_what_the_objectives_look_back_and_reads_its_key_from_a_file(
    services: dict[str, Any], scraped: dict[str, Any]
) -> None:
    prometheus = services["prometheus"]
    assert any("retention.time=30d" in option for option in prometheus["command"])
    mounts = [volume.rsplit(":", 2)[-2:] for volume in prometheus["volumes"] if "_FILE" in volume]
    assert mounts == [[scraped["inlay-api"]["authorization"]["credentials_file"], "ro"]]


def test_grafana_has_no_account_that_could_be_guessed(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert not any("PASSWORD" in name for name in environment)
