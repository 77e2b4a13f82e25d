"""A real Prometheus watches the real service: every panel and every rule has something to show."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from tests.app.keyed import new_key
from tests.app.receiver import Receiver
from tests.app.service import ApiProcess
from tests.deploy.prometheus_process import PrometheusProcess
from tests.deploy.watched import DASHBOARDS, INSTALL, queries, rules
from tests.end_to_end.worker_process import WorkerProcess
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.end_to_end

MODEL = "models/scenes-128"
LOCAL: dict[str, Any] = {"allow_http_urls": True, "allow_any_port": True, "allow_private_addresses": True}
WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEEDS_GPU = {"inlay_worker_device_memory_bytes / (inlay_worker_device_memory_max_bytes > 0)"}
"""Queries without an answer on a CPU; their metrics are there, see `docs/metrics.md`."""
TRIES = 10
DELIVERED = 'inlay_webhook_attempts_total{outcome="delivered"}'
ENDED = 'inlay_worker_jobs_ended_total{outcome=~"succeeded|canceled"}'
PATIENCE_S = 240.0

Empty = Callable[[Iterable[str]], set[str]]


class Watched:
    """The service, asked for API keys, and its Prometheus; runs jobs that end and one that is canceled."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        keys, key = folder / "keys", folder / "key"
        caller = new_key("caller", keys)
        key.write_text(new_key("prometheus", keys) + "\n")
        with keys.open("a") as lines:
            lines.write(f"caller:webhook:{WEBHOOK_SECRET}\n")
        redis = stack.enter_context(RedisProcess())
        worker = stack.enter_context(WorkerProcess(MODEL, redis_url=redis.url))
        api = stack.enter_context(ApiProcess(redis_url=redis.url, api_keys_file=keys, **LOCAL))
        self.receiver = stack.enter_context(Receiver())
        headers = {"Authorization": f"Bearer {caller}"}
        client = httpx.Client(base_url=api.client.base_url, headers=headers, timeout=120, trust_env=False)
        self.http = stack.enter_context(client)
        until(lambda: self.http.get("/readyz").status_code == 200)
        targets = {"inlay-api": f"127.0.0.1:{api.port}", "inlay-worker": f"127.0.0.1:{worker.port}"}
        self.prometheus = stack.enter_context(PrometheusProcess(folder, targets, key))
        until(lambda: self.prometheus.query("up") == [1, 1])

    def run_jobs(self) -> None:
        """One of each end, seen by Prometheus; then again, since a rate needs a value before."""
        for round_number in (1, 2):
            succeeded = self._submit(steps=2)
            self._wait(succeeded, "succeeded")
            canceled = self._submit(steps=100, solver="newton", inner_steps=20)
            self._wait(canceled, "running")
            self.http.post(f"/v1/jobs/{canceled}/cancel")
            self._wait(canceled, "canceled")
            self.http.get(f"/v1/jobs/{succeeded}/result")
            self.receiver.wait_for(2 * round_number)
            self._until_scraped(round_number)

    def _until_scraped(self, rounds: int) -> None:
        """Both processes are scraped at moments of their own."""
        ask = self.prometheus.query
        until(lambda: ask(ENDED) == [rounds] * 2 and ask(DELIVERED) == [2 * rounds])

    def _submit(self, **more: object) -> str:
        body = {"task": "generate", "width_px": 128, "height_px": 128, "webhook_url": self.receiver.url, **more}
        answer = self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def _wait(self, job_id: str, state: str) -> None:
        until(lambda: self.http.get(f"/v1/jobs/{job_id}").json()["state"] == state)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched | None]:
    if shutil.which("prometheus") is None:
        yield None
        return
    with ExitStack() as stack:
        running = Watched(tmp_path_factory.mktemp("watched"), stack)
        running.run_jobs()
        until(lambda: all(running.prometheus.query(rule["record"]) for rule in rules("record")))
        yield running


@pytest.fixture
def prometheus(watched: Watched | None, missing_system_part: Callable[[str], NoReturn]) -> PrometheusProcess:
    return watched.prometheus if watched is not None else missing_system_part(INSTALL)


@pytest.fixture
def empty(prometheus: PrometheusProcess) -> Empty:
    """Those queries that have no number to show; one may miss a scrape on a busy machine."""

    def ask(asked: Iterable[str]) -> set[str]:
        missing = set(asked)
        for _ in range(TRIES):
            missing = {query for query in missing if not any(map(math.isfinite, prometheus.query(query)))}
            if not missing - NEEDS_GPU:
                break
            time.sleep(1.0)
        return missing

    return ask


def test_api_and_worker_are_scraped_with_the_delivered_configuration(prometheus: PrometheusProcess) -> None:
    health = {target["labels"]["job"]: target["health"] for target in prometheus.get("targets")["activeTargets"]}
    assert health == {"inlay-api": "up", "inlay-worker": "up"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_returns_data(path: Path, empty: Empty) -> None:
    asked = {query for _, query in queries(path, interval="2m")}
    assert empty(asked) == NEEDS_GPU & asked


def test_every_recording_rule_returns_data(empty: Empty) -> None:
    assert empty(rule["record"] for rule in rules("record")) == set()


def test_every_alert_looks_at_data_that_is_there(empty: Empty) -> None:
    assert empty(without_thresholds(rule["expr"]) for rule in rules("alert")) == set()


def without_thresholds(expression: str) -> str:
    """What an alert compares: an answer means that it would be seen to change."""
    threshold = r"\s*(?:==|[<>]=?)\s*[\d.]+(?:\s*\*\s*[\d.]+)?"
    return re.sub(threshold, "", expression.replace("absent(", "("))


def test_a_healthy_service_raises_no_alert_and_no_rule_fails(prometheus: PrometheusProcess) -> None:
    groups: list[dict[str, Any]] = prometheus.get("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert [alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]] == []
