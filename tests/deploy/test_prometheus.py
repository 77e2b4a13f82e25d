"""Prometheus's configuration and rules, judged by promtool; every alert fires when it should and only then."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from jobs.metrics import ALL
from tests.deploy.alert_cases import CASES, Case
from tests.deploy.series import Series
from tests.deploy.watched import DASHBOARDS, INSTALL, PROMETHEUS, ROOT, RULE_FILES, metrics_in, queries, rules

RUNBOOK = "docs/operations.md"
ALERTS = {rule["alert"]: rule for rule in rules("alert")}

Promtool = Callable[..., None]


@pytest.fixture
def promtool(missing_system_part: Callable[[str], NoReturn]) -> Promtool:
    """Runs promtool, which must have nothing to complain about."""
    if shutil.which("promtool") is None:
        missing_system_part(INSTALL)

    def run(*arguments: object) -> None:
        command = ["promtool", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_rules_are_valid_and_none_is_there_twice(promtool: Promtool) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


def test_the_configuration_is_valid(promtool: Promtool, tmp_path: Path) -> None:
    copied = shutil.copytree(PROMETHEUS, tmp_path / "prometheus") / "prometheus.yml"
    key = tmp_path / "key"
    key.touch()
    text = copied.read_text()
    assert text.count("/etc/inlay/prometheus-key") == 1
    copied.write_text(text.replace("/etc/inlay/prometheus-key", str(key)))
    promtool("check", "config", copied)


def test_alerts_fire_with_their_summary_severity_and_runbook(promtool: Promtool, tmp_path: Path) -> None:
    promtool("test", "rules", unit_tests(tmp_path, [(case, case.firing, [fired(case)]) for case in CASES]))


def test_alerts_stay_quiet_when_all_is_well_enough(promtool: Promtool, tmp_path: Path) -> None:
    promtool("test", "rules", unit_tests(tmp_path, [(case, series, []) for case in CASES for series in case.quiet]))


def unit_tests(folder: Path, tests: list[tuple[Case, Series, list[dict[str, Any]]]]) -> Path:
    """Writes a file of unit tests as promtool reads them (JSON is YAML)."""
    groups = [
        {
            "name": case.alert,
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}],
        }
        for case, series, expected in tests
    ]
    path = folder / "tests.json"
    path.write_text(json.dumps({"rule_files": [str(path) for path in RULE_FILES], "tests": groups}))
    return path


def fired(case: Case) -> dict[str, Any]:
    rule = ALERTS[case.alert]
    return {
        "exp_labels": {"severity": rule["labels"]["severity"], **case.labels},
        "exp_annotations": {"summary": case.summary, "runbook_url": f"{RUNBOOK}#{case.alert.lower()}"},
    }


def test_every_alert_has_cases_that_fire_and_that_do_not() -> None:
    assert [case.alert for case in CASES] == list(ALERTS)
    assert all(case.quiet for case in CASES)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_severity_and_a_section_with_cause_and_cure(name: str) -> None:
    assert ALERTS[name]["labels"]["severity"] in {"critical", "warning"}
    sections = re.split(r"^##+ ", alerts_section(), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.splitlines()[0] == name]
    severity = ALERTS[name]["labels"]["severity"]
    assert f"**{severity.capitalize()}" in section
    for part in ("**Causes**", "**Cure**"):
        assert part in section, section


def test_no_section_describes_an_alert_that_is_not_there() -> None:
    assert set(re.findall(r"^### (\w+)$", alerts_section(), re.MULTILINE)) == set(ALERTS)


def alerts_section() -> str:
    chapters = re.split(r"^## ", (ROOT / RUNBOOK).read_text(), flags=re.MULTILINE)
    (alerts,) = [chapter for chapter in chapters if chapter.startswith("Alerts\n")]
    return alerts


def test_rules_and_dashboards_name_only_metrics_and_rules_that_exist() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    asked = [rule["expr"] for rule in rules("alert") + rules("record")]
    asked += [query for path in DASHBOARDS for _, query in queries(path)]
    for query in asked:
        assert metrics_in(query) <= {metric.name for metric in ALL}, query
        assert set(re.findall(r"\binlay:\w+:\w+", query)) <= recorded, query
    assert recorded == {name for query in asked for name in re.findall(r"\binlay:\w+:\w+", query)}, "nobody asks for it"
