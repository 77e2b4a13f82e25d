"""What `deploy/prometheus` and `deploy/grafana` ask Prometheus, read from their files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from jobs.metrics import ALL

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
INSTALL = "Prometheus: apt-get install prometheus"


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules that have the field `alert` or `record`."""
    groups = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, rows left out."""
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def queries(path: Path, interval: str = "5m") -> list[tuple[str, str]]:
    """Panel title and query of every target of a dashboard, Grafana's interval replaced."""
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", interval))
        for panel in panels(path)
        for target in panel["targets"]
    ]


def metrics_in(query: str) -> set[str]:
    """Names of our metrics in a query, without what a histogram appends."""
    known = {metric.name for metric in ALL}
    found = set(re.findall(r"\binlay_\w+", query))
    return {name if name in known else re.sub(r"_(bucket|sum|count)$", "", name) for name in found}
