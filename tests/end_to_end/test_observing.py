"""One job through a real API and a real worker, seen from outside: moving numbers, one trace, logs that fit."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.app.service import ApiProcess
from tests.end_to_end.collector import Collector, collecting
from tests.end_to_end.worker_process import WorkerProcess
from tests.redis_process import RedisProcess
from tests.worker.tiny_model import make_tiny_model

pytestmark = pytest.mark.end_to_end

TRACE, ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STEPS = 3
PATIENCE_S = 120.0


@dataclass
class Seen:
    """A job that has ended, and what was scraped before and after it."""

    job: dict[str, Any]
    before: dict[str, float]
    after: dict[str, float]
    spans: Collector
    api_log: list[dict[str, Any]]
    worker_log: list[dict[str, Any]]

    def moved(self, series: str) -> float:
        return self.after.get(series, 0.0) - self.before.get(series, 0.0)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    model = make_tiny_model(tmp_path_factory.mktemp("model"))
    with pytest.MonkeyPatch.context() as patch, RedisProcess() as redis, collecting() as spans:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        settings = {"redis_url": redis.url, "tracing": "true", "log_format": "json"}
        with ApiProcess(**settings) as api, WorkerProcess(model, **settings) as worker:
            _until(lambda: api.client.get("/readyz").status_code == 200)
            before = _scraped(api.client.get("/metrics")) | _scraped(worker.scrape())
            headers = {"X-Request-ID": "the-request", "traceparent": f"00-{TRACE}-{ABOVE}-01"}
            body = {"task": "generate", "steps": STEPS, "width_px": 64, "height_px": 64, "guidance_scale": 1.0}
            link = api.client.post("/v1/jobs", json=body, headers=headers).json()["links"]["self"]
            api.client.post("/v1/jobs", json={"task": "upscale"})
            job = api.client.get(link, headers={"Prefer": "wait=30"}).json()
            time.sleep(1.1)  # until the gauges of the queue are read again
            after = _scraped(api.client.get("/metrics")) | _scraped(worker.scrape())
            _until(lambda: {name for _, name, _ in spans.of_trace(TRACE)} >= {"POST /v1/jobs", "run"})
            redis.kill()
            time.sleep(1.1)
            after |= {f"away:{name}": value for name, value in _scraped(api.client.get("/metrics")).items()}
            logs = _lines(api.stop()), _lines(worker.stop())
        yield Seen(job, before, after, spans, *logs)


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _scraped(response: httpx.Response) -> dict[str, float]:
    assert response.status_code == 200
    rows = re.findall(r"^(inlay_\S+(?:\{.*\})?) (\S+)$", response.text, re.MULTILINE)
    return {series: float(value) for series, value in rows}


def _lines(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_numbers_of_the_api_move(seen: Seen) -> None:
    assert seen.job["state"] == "succeeded", seen.job
    assert seen.moved('inlay_submits_total{outcome="accepted",task="generate"}') == 1
    assert seen.moved('inlay_submits_total{outcome="missing_field",task="upscale"}') == 1
    for status in ("2xx", "4xx"):
        series = f'inlay_http_request_duration_seconds_count{{method="POST",route="/v1/jobs",status="{status}"}}'
        assert seen.moved(series) == 1
    job = 'inlay_http_request_duration_seconds_count{method="GET",route="/v1/jobs/{job_id}",status="2xx"}'
    assert seen.moved(job) == 1
    assert seen.moved("inlay_upload_bytes_total") > 50
    assert seen.after["inlay_redis_up"] == 1
    assert seen.after['inlay_workers{state="ready"}'] == 1
    assert seen.after["inlay_queue_depth"] == seen.after["inlay_jobs_unfinished"] == 0


def test_numbers_of_the_worker_move(seen: Seen) -> None:
    assert seen.moved('inlay_worker_jobs_ended_total{outcome="succeeded",task="generate"}') == 1
    assert seen.moved('inlay_worker_nfe_total{task="generate"}') == seen.job["timings"]["nfe"] == STEPS
    assert seen.moved('inlay_worker_batch_rows_count{kind="denoise"}') == STEPS
    assert seen.moved('inlay_worker_batch_rows_sum{kind="denoise"}') == STEPS
    assert seen.moved('inlay_worker_batch_rows_count{kind="decode"}') == 1
    assert seen.moved("inlay_worker_busy_seconds_total") > 0
    assert seen.moved("inlay_worker_result_bytes_total") == seen.job["results"][0]["bytes"]
    assert seen.after["inlay_worker_resident_memory_bytes"] > 50 * 2**20
    for stage in ("queued", "prepare", "denoise", "decode", "composite", "store"):
        assert seen.moved(f'inlay_worker_stage_duration_seconds_count{{stage="{stage}",task="generate"}}') == 1


def test_without_redis_metrics_still_answer(seen: Seen) -> None:
    assert seen.after["away:inlay_redis_up"] == 0
    assert "away:inlay_queue_depth" not in seen.after
    assert seen.after['away:inlay_submits_total{outcome="accepted",task="generate"}'] == 1


def test_timeline_tells_where_the_time_went(seen: Seen) -> None:
    timings = seen.job["timings"]
    stages = {stage["stage"]: stage for stage in timings["timeline"]["stages"]}
    assert list(stages) == ["queued", "prepare", "denoise", "decode", "composite", "store"]
    ends = [stage["start_s"] + stage["seconds"] for stage in stages.values()]
    assert ends == sorted(ends)
    assert stages["queued"]["seconds"] == pytest.approx(timings["queue_s"], abs=1e-3)
    assert ends[-1] <= timings["queue_s"] + timings["run_s"] + 1e-3
    steps = timings["timeline"]["steps"]
    assert len(steps) == timings["timeline"]["step_summary"]["count"] == STEPS
    assert sum(step["seconds"] for step in steps) <= stages["denoise"]["seconds"] + 1e-3


def test_a_submission_is_one_trace_below_its_client(seen: Seen) -> None:
    spans = seen.spans.of_trace(TRACE)
    (post,) = [span for (service, name, _), span in spans.items() if (service, name) == ("inlay-api", "POST /v1/jobs")]
    (run,) = [span for (service, name, _), span in spans.items() if (service, name) == ("inlay-worker", "run")]
    assert post.parent_span_id.hex() == ABOVE
    tree = {(service, name, above) for service, name, above in spans}
    assert {("inlay-api", name, post.span_id) for name in ("store", "enqueue")} <= tree
    assert {("inlay-worker", name, post.span_id) for name in ("queue", "run")} <= tree
    inside = {name for service, name, above in tree if above == run.span_id}
    assert inside == {"prepare", "denoise", "decode", "composite", "store", "finish"}
    denoise = spans["inlay-worker", "denoise", run.span_id]
    assert [event.name for event in denoise.events] == ["step"] * STEPS
    told = {one.key: one.value.string_value or one.value.int_value for one in run.attributes}
    assert told["inlay.job.id"] == seen.job["id"]
    assert (told["inlay.task"], told["inlay.outcome"], told["inlay.nfe"]) == ("generate", "succeeded", STEPS)
    for span in spans.values():
        assert span.start_time_unix_nano <= span.end_time_unix_nano


def test_logs_of_both_processes_name_request_job_and_trace(seen: Seen) -> None:
    (accepted,) = [line for line in seen.api_log if line["event"] == "job_accepted"]
    (taken,) = [line for line in seen.worker_log if line["event"] == "job taken"]
    (done,) = [line for line in seen.worker_log if line["event"] == "job succeeded"]
    for line in (accepted, taken, done):
        assert (line["request_id"], line["job_id"], line["trace_id"]) == ("the-request", seen.job["id"], TRACE)
