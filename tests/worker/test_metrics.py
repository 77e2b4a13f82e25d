"""What a worker counts when things do not go well."""

from __future__ import annotations

import socket
import time

import httpx
import pytest
import torch

from jobs.connect import RedisClient
from jobs.record import JobState
from jobs.settings import Settings
from tests.worker.conftest import Bench, StartWorker
from worker.metrics import MetricsPortUnusable, WorkerMetrics, resident_bytes, serve_metrics


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"inlay_worker_{name}", labels) or 0.0


def test_cancel_latency_counts_from_the_clients_request(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker() as worker:
        job_id = bench.submit(steps=100, solver="newton", inner_steps=20)
        bench.wait_for_step(job_id)
        bench.store.request_cancel(job_id)
        first = bench.get(job_id).cancel_requested_at
        bench.store.request_cancel(job_id)
        record = bench.wait(job_id)
        metrics = worker.metrics
    assert record.state is JobState.CANCELED
    assert record.cancel_requested_at == first
    assert first is not None
    assert record.finished_at is not None
    assert value(metrics, "cancel_duration_seconds_count") == 1
    waited_s = (record.finished_at - first).total_seconds()
    assert 0 < value(metrics, "cancel_duration_seconds_sum") < waited_s + 5
    assert value(metrics, "jobs_ended_total", task="complete", outcome="canceled") == 1
    timeline = record.timings.timeline if record.timings else None
    assert timeline is not None
    assert [one.stage for one in timeline.stages] == ["queued", "prepare", "encode", "denoise"]
    assert len(timeline.steps) >= 1


def test_abandoned_late_and_refused_jobs_are_counted(
    bench: Bench, redis: RedisClient, start_worker: StartWorker
) -> None:
    lost = bench.submit()
    bench.queue.remove(lost)
    bench.store.claim(lost, "dead")
    late = bench.submit(deadline_s=0.01)
    time.sleep(0.05)
    bench.queue.rq.enqueue("os.getcwd", job_id="foreign-1")
    with start_worker() as worker:
        assert bench.wait(lost).state is JobState.SUCCEEDED
        bench.wait(late)
        metrics = worker.metrics
    assert value(metrics, "taken_over_total") == 1
    assert value(metrics, "retries_total") == 1
    assert value(metrics, "rejects_total", reason="refused") == 1
    assert value(metrics, "jobs_ended_total", task="complete", outcome="deadline_exceeded") == 1


def test_pictures_that_join_others_are_counted(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker() as worker:
        job_id = bench.submit(n=3)
        record = bench.wait(job_id)
        metrics = worker.metrics
    assert value(metrics, "joins_total") == 2
    assert record.timings is not None
    rows, calls = (value(metrics, f"batch_rows_{what}", kind="denoise") for what in ("sum", "count"))
    assert 0 < calls <= rows == record.timings.nfe


def test_what_is_rare_has_a_zero_before_its_first_time_and_standing_still_is_seen(start_worker: StartWorker) -> None:
    with start_worker() as worker:
        sample = worker.metrics.registry.get_sample_value
        assert sample("inlay_worker_jobs_ended_total", {"task": "complete", "outcome": "poison_job"}) == 0
        assert sample("inlay_worker_out_of_memory_total", {"kind": "denoise"}) == 0
        assert 0 <= value(worker.metrics, "standstill_seconds") < 60
    before = value(worker.metrics, "standstill_seconds")
    time.sleep(0.05)
    assert value(worker.metrics, "standstill_seconds") >= before + 0.05


def test_metrics_are_served_until_they_are_stopped() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    metrics = WorkerMetrics(torch.device("cpu"))
    stop = serve_metrics(metrics, Settings(metrics_port=port))
    url = f"http://127.0.0.1:{port}/metrics"
    text = httpx.get(url, trust_env=False)
    assert text.headers["content-type"].startswith("text/plain")
    assert f"inlay_worker_device_memory_bytes {0.0}" in text.text
    openmetrics = httpx.get(url, headers={"Accept": "application/openmetrics-text"}, trust_env=False)
    assert openmetrics.text.endswith("# EOF\n")
    with pytest.raises(MetricsPortUnusable, match=str(port)):
        serve_metrics(metrics, Settings(metrics_port=port))
    stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_memory_of_the_process_is_its_own() -> None:
    used = resident_bytes()
    ballast = bytearray(64 * 2**20)
    assert resident_bytes() - used > len(ballast) / 2
