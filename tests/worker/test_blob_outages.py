"""Pictures outside Redis, and a store that goes away: what a worker has sampled waits for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs import keys
from jobs.connect import RedisClient
from jobs.record import JobState
from jobs.settings import Settings
from jobs.workers import WorkerRegistry
from tests.redis_process import RedisProcess
from tests.s3_server import S3Server
from tests.worker.conftest import Bench, StartWorker, noise_png, wait_for
from tests.worker.test_worker_process import wait_until_ready, worker_process


def test_finished_job_waits_for_the_folder_and_succeeds(
    redis: RedisClient, settings: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    folder, away = tmp_path / "pictures", tmp_path / "unmounted"
    changed = settings.model_copy(update={"blobs_url": f"file://{folder}"})
    bench = Bench(redis, changed)
    with start_worker(blobs_url=changed.blobs_url) as worker:
        job_id = bench.submit(steps=20)
        bench.wait_for_step(job_id)
        folder.rename(away)
        wait_for(lambda: not worker._runner.ids)
        time.sleep(1.0)
        assert bench.get(job_id).state is JobState.RUNNING
        generated = bench.submit(task="generate", width_px=64, height_px=64, steps=20)
        bench.wait_for_step(generated)  # sampling goes on
        assert [one.name for one in WorkerRegistry(redis).ready()] == [worker.name]
        away.rename(folder)
        for record in (bench.wait(job_id), bench.wait(generated)):
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
            assert bench.result(record).size == (64, 64)
        wait_for(lambda: not worker.job_ids())
    names = sorted(path.name for path in folder.glob("*/*"))
    assert [name.partition("-")[0] for name in names] == ["result", "result"], "uploads go when their job ends"


def test_upload_that_is_away_is_waited_for(
    redis: RedisClient, settings: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    folder, away = tmp_path / "pictures", tmp_path / "unmounted"
    changed = settings.model_copy(update={"blobs_url": f"file://{folder}"})
    bench = Bench(redis, changed)
    with start_worker(blobs_url=changed.blobs_url):
        record = bench.record(noise_png(64, 64))
        folder.rename(away)
        bench.store.create(record)
        bench.queue.enqueue(record.id)
        running = bench.wait(record.id, lambda one: one.state is JobState.RUNNING)
        time.sleep(1.0)
        assert bench.get(running.id).progress is None
        away.rename(folder)
        ended = bench.wait(running.id)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 1)


@pytest.mark.end_to_end
def test_worker_process_keeps_its_pictures_in_s3_and_sweeps_what_is_left(
    redis: RedisClient, settings: Settings, server: RedisProcess
) -> None:
    with S3Server() as s3:
        changed = settings.model_copy(update={"blobs_url": s3.url, "blobs_sweep_s": 0.5})
        bench = Bench(redis, changed)
        with worker_process(changed):
            wait_until_ready(redis)
            job_id = bench.submit()
            record = bench.wait(job_id)
            assert bench.result(record).size == (64, 64)
            left = f"pictures/{job_id}/{keys.blob_parts(record.results[0].blob)[1]}"
            wait_for(lambda: s3.names() == [left])
            assert redis.keys("inlay:blob:*") == []
            wait_for(lambda: redis.exists(keys.BLOB_SWEEP_LOCK) == 1)
