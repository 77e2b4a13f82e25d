"""Every metric is described, once and truly, and follows Prometheus's rules for names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import ApiMetrics
from jobs.metrics import ALL, Metric
from jobs.record import JobRecord, Timings
from jobs.settings import Settings
from jobs.spec import JOB_SPEC
from jobs.timeline import timeline
from worker.metrics import TAKEN, WorkerMetrics

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
ROWS = {
    row[0].strip(" `"): [cell.strip() for cell in row[1:]]
    for row in re.findall(r"^\|(.*)\|$", PAGE, re.MULTILINE)
    for row in [row.split("|")]
    if row[0].startswith(" `inlay_")
}


@pytest.fixture
def told(settings: Settings) -> str:
    """A scrape of an API and a worker in which every metric has a series."""
    api, worker = ApiMetrics(settings), WorkerMetrics(torch.device("cpu"))
    api.count_submit("complete", "accepted")
    api.requests.labels("GET", "/healthz", "2xx").observe(0.1)
    worker.joined(2)
    worker.evaluated("denoise", 3, 4, 0.1)
    worker.out_of_memory("denoise", 4)
    worker.retried("denoise", 4)
    worker.rejected(TAKEN)
    worker.claimed(JobRecord(id="job-00000001", spec=JOB_SPEC.validate_python({"task": "complete"}), seed=1, attempt=2))
    worker.given_back()
    worker.taken_over()
    worker.stored(10)
    worker.canceled_after(0.1)
    worker.ended("complete", "succeeded", Timings(queue_s=1, run_s=2, nfe=3, timeline=timeline([("queued", 0, 1)], [])))
    return (generate_latest(api.registry) + generate_latest(worker.registry)).decode()


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_metric_is_documented_with_type_labels_unit_and_meaning(metric: Metric) -> None:
    kind, labels, unit, meaning = ROWS[metric.name]
    assert kind == metric.kind
    assert re.findall(r"`(\w+)`", labels) == list(metric.labels)
    assert unit
    assert meaning == metric.help
    section = "worker" if PAGE.index(f"`{metric.name}` |") > PAGE.index("## Of a worker") else "api"
    assert section == metric.where


def test_no_documented_metric_is_unknown() -> None:
    assert set(ROWS) == {metric.name for metric in ALL}


def test_what_is_scraped_is_what_is_declared(told: str) -> None:
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in text_string_to_metric_families(told)
    }
    assert set(families) == {metric.name for metric in ALL}
    for metric in ALL:
        family = families[metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(metric.labels), metric.name


def test_promtool_has_nothing_to_complain_about(told: str, missing_system_part: Callable[[str], NoReturn]) -> None:
    if shutil.which("promtool") is None:
        missing_system_part("promtool: apt-get install prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_task_that_a_client_makes_up_is_no_label(settings: Settings) -> None:
    metrics = ApiMetrics(settings)
    for task in ("complete", "made-up", None, ["complete"]):
        metrics.count_submit(task, "invalid_field")
    scraped, _ = metrics.scraped("")
    counts = re.findall(r'^inlay_submits_total\{.*task="(\w+)"\} (\d)', scraped.decode(), re.MULTILINE)
    assert sorted(counts) == [("complete", "1"), ("unknown", "3")]
