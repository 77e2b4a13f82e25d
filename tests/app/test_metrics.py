"""Who may read `/metrics`, and what several API processes tell."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from jobs.queue_watch import LOOK_AGAIN_S
from tests.app.answers import problem
from tests.app.keyed import KeyedService
from tests.app.service import ROOT, ApiProcess


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    with KeyedService(file, ("caller", "prometheus"), rate_limit_jobs=1, rate_window_s=3600) as running:
        yield running


def series(response: httpx.Response) -> dict[str, float]:
    assert response.status_code == 200, response.text
    return {name: float(value) for name, value in re.findall(r"^(inlay_\S+) (\S+)$", response.text, re.MULTILINE)}


def test_a_key_is_needed_and_no_limit_counts_scrapes(service: KeyedService) -> None:
    refused = problem(service.client(None).get("/metrics"), 401, "unauthorized")
    assert "Bearer" in refused["detail"]
    scraper = service.of("prometheus")
    for _ in range(5):
        answer = scraper.get("/metrics")
        assert "ratelimit" not in answer.headers
        assert answer.headers["content-type"].startswith("text/plain")
    assert scraper.post("/v1/jobs", json={"task": "generate"}).status_code == 202
    assert scraper.post("/v1/jobs", json={"task": "generate"}).status_code == 429
    told = series(scraper.get("/metrics"))
    assert told['inlay_submits_total{outcome="rate_limited",task="unknown"}'] == 1
    openmetrics = scraper.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_processes_count_their_own_requests_and_tell_the_same_queue(service: KeyedService) -> None:
    first, second = (service.of("caller", replica) for replica in (0, 1))
    assert first.post("/v1/jobs", json={"task": "generate"}).status_code == 202
    time.sleep(LOOK_AGAIN_S)
    told = [series(client.get("/metrics")) for client in (first, second)]
    accepted = 'inlay_submits_total{outcome="accepted",task="generate"}'
    assert told[0][accepted] >= 1
    assert accepted not in told[1]
    gauges = ("inlay_redis_up", "inlay_queue_depth", "inlay_jobs_unfinished", 'inlay_workers{state="ready"}')
    assert [told[0][name] for name in gauges] == [told[1][name] for name in gauges]
    assert told[0]["inlay_jobs_unfinished"] >= 1


def test_routes_are_told_by_template_and_what_has_none_together(service: KeyedService) -> None:
    client = service.of("caller")
    for path in ("/v1/jobs/unknown-job-1", "/v1/jobs/unknown-job-2", "/made/up/1", "/made/up/2"):
        assert client.get(path).status_code == 404
    assert client.request("BREW", "/healthz").status_code == 405
    told = series(client.get("/metrics"))
    count = "inlay_http_request_duration_seconds_count"
    assert told[f'{count}{{method="GET",route="/v1/jobs/{{job_id}}",status="4xx"}}'] == 2
    assert told[f'{count}{{method="GET",route="none",status="4xx"}}'] == 2
    assert told[f'{count}{{method="other",route="/healthz",status="4xx"}}'] == 1
    assert "unknown-job" not in str(told)


def test_metrics_can_be_open_or_not_there(service: KeyedService) -> None:
    redis_url = service.apis[0].settings["INLAY_REDIS_URL"]
    with ApiProcess(redis_url=redis_url, api_keys_file=service.file, metrics="open") as api:
        assert series(api.client.get("/metrics"))["inlay_redis_up"] == 1
    with ApiProcess(redis_url=redis_url, metrics="off") as api:
        problem(api.client.get("/metrics"), 404, "route_not_found")


def test_tracing_without_its_packages_is_refused_with_the_cure() -> None:
    code = (
        "import sys; from importlib.machinery import PathFinder as F; find = F.find_spec;"
        "F.find_spec = lambda name, *rest: None if name.startswith('opentelemetry.exporter') else find(name, *rest);"
        "from app.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"INLAY_TRACING": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    assert "pip install 'inlay[otel]'" in done.stderr
