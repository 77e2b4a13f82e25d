"""The dashboards' form: what Grafana would show without a word is wrong here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from tests.deploy.watched import DASHBOARDS, GRAFANA, INSTALL, panels, queries

COLUMNS = 24
UNITS = {"short", "s", "bytes", "Bps", "percentunit", "reqps", "ops"}
"""Grafana's names of units that are in use; a wrong one is shown as text behind each number."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def test_there_are_dashboards_of_api_queue_engine_and_gpu() -> None:
    assert [path.stem for path in DASHBOARDS] == ["api", "engine", "gpu", "queue"]


@each_dashboard
def test_dashboard_can_be_linked_to_and_chooses_its_prometheus(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == f"inlay-{path.stem}"
    assert board["title"].startswith("Inlay: ")
    assert board["tags"] == ["inlay"]
    assert "id" not in board, "Grafana gives it"
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")


@each_dashboard
def test_panels_lie_on_the_grid_and_never_over_each_other(path: Path) -> None:
    everything = json.loads(path.read_text())["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] >= 0, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
    for one, other in combinations(everything, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    lines = {y for panel in everything for y in range(panel["gridPos"]["y"], end(panel["gridPos"], "y", "h"))}
    assert lines == set(range(len(lines))), "no empty line between panels"


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < end(other, start, size) and other[start] < end(one, start, size)
        for start, size in (("x", "w"), ("y", "h"))
    )


def end(place: dict[str, int], start: str, size: str) -> int:
    return place[start] + place[size]


@each_dashboard
def test_every_panel_is_titled_explained_and_has_a_unit_and_legends(path: Path) -> None:
    titles = [panel["title"] for panel in panels(path)]
    assert len(set(titles)) == len(titles)
    for panel in panels(path):
        defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"] in UNITS, panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert panel["datasource"] == SOURCE, panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE, panel["title"]
            assert target["legendFormat"], panel["title"]


def test_every_query_can_be_read(tmp_path: Path, missing_system_part: Callable[[str], NoReturn]) -> None:
    if shutil.which("promtool") is None:
        missing_system_part(INSTALL)
    # promtool reads bare queries in newer versions only, rules in all.
    asked = [query for path in DASHBOARDS for _, query in queries(path)]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(asked)} rules found" in done.stdout


def test_provisioning_names_the_prometheus_and_the_folder_of_the_compose_file() -> None:
    compose = yaml.safe_load((GRAFANA.parents[1] / "docker-compose.yml").read_text())["services"]
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose
    config = yaml.safe_load((GRAFANA.parent / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/inlay.yml").read_text())["providers"]
    mounts = [volume.split(":") for volume in compose["grafana"]["volumes"] if volume.startswith("./")]
    assert {(source, target) for source, target, *_ in mounts} == {
        ("./deploy/grafana/provisioning", "/etc/grafana/provisioning"),
        ("./deploy/grafana/dashboards", provider["options"]["path"]),
    }
    assert all(mount[2:] == ["ro"] for mount in mounts)
