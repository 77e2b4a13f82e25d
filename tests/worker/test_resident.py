"""A resident worker in a thread, on a real Redis: what becomes of jobs that run."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from jobs.connect import RedisClient, text
from jobs.record import JobState
from jobs.workers import WorkerRegistry, WorkerState
from tests.worker.bad_models import Level
from tests.worker.conftest import LONG, Bench, StartWorker, books, half_mask, noise_png, wait_for
from worker.diffusers_model import DiffusersModel


@pytest.mark.parametrize("size", [(64, 64), (300, 200)])
def test_complete_keeps_the_known_side_to_the_byte(
    bench: Bench, start_worker: StartWorker, size: tuple[int, int]
) -> None:
    with start_worker():
        record = bench.wait(bench.submit(noise_png(*size), keep="right", fraction=0.4))
    picture = bench.result(record)
    original = Image.open(io.BytesIO(noise_png(*size)))
    kept = size[0] - round(size[0] * 0.4)
    assert picture.size == size
    assert picture.crop((kept, 0, *size)).tobytes() == original.crop((kept, 0, *size)).tobytes()
    assert record.quality is not None
    assert record.quality.known_region_max_abs_diff == 0
    assert record.quality.residual is not None
    assert record.timings is not None
    assert record.timings.nfe == 2 * 2
    assert record.timings.run_s > 0
    assert record.attempt == 1


def test_inpaint_paints_the_mask_and_generate_makes_any_size(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker():
        inpaint = bench.submit(noise_png(100, 75), half_mask(100, 75), task="inpaint", output={"format": "webp"})
        generate = bench.submit(task="generate", width_px=200, height_px=90, n=2)
        native = bench.submit(task="generate", output={"format": "jpeg"})
        painted, generated, natural = bench.wait(inpaint), bench.wait(generate), bench.wait(native)
    assert bench.result(painted).format == "WEBP"
    assert [bench.result(generated, number).size for number in (0, 1)] == [(200, 90)] * 2
    assert generated.quality is not None
    assert generated.quality.known_region_max_abs_diff is generated.quality.residual is None
    assert generated.timings is not None
    assert generated.timings.nfe == 2 * 2 * 2
    assert (bench.result(natural).size, bench.result(natural).format) == ((128, 128), "JPEG")


def test_eight_jobs_share_evaluations_and_their_books_are_closed(
    bench: Bench, start_worker: StartWorker, redis: RedisClient, tiny_model: DiffusersModel
) -> None:
    ids = [bench.submit(seed=number, steps=10) for number in range(8)]
    with start_worker(tiny_model=Level(tiny_model)) as worker:
        records = [bench.wait(job_id) for job_id in ids]
        wait_for(lambda: not worker.job_ids())
        assert worker.presence().batch_rows >= 8, "for this model large calls are the best"
        worker.beat()
        [presence] = WorkerRegistry(redis).alive()
        assert presence.state is WorkerState.READY
        assert presence.largest_batch == 8
        assert presence.evaluations > 4 * presence.calls
    assert {record.state for record in records} == {JobState.SUCCEEDED}
    assert books(redis) == []
    assert bench.store.active_ids() == []
    assert bench.store.service_time_s() is not None
    lives = {text(key): redis.pttl(key) for key in redis.keys("inlay:*")}
    assert -1 not in lives.values(), "every key has a time to live once no job is active"
    assert not any(":image" in key for key in lives), "uploads are deleted when a job ends"


def test_same_seed_gives_the_same_picture_alone_and_in_company(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker():
        alone = bench.result(bench.wait(bench.submit(seed=11, n=2)))
        ids = [bench.submit(seed=seed, prompt="a red butterfly") for seed in range(5)] + [bench.submit(seed=12, n=2)]
        company = bench.result(bench.wait(ids[-1]))
        second = bench.result(bench.wait(bench.submit(seed=11, n=2)), 1)
    difference = np.abs(np.asarray(company, int) - np.asarray(second, int))
    assert difference.max() <= 1
    assert alone.tobytes() != second.tobytes()


def test_progress_is_reported_with_a_time_to_go(bench: Bench, start_worker: StartWorker) -> None:
    with start_worker():
        job_id = bench.submit(**LONG)
        running = bench.wait_for_step(job_id, 2)
        assert running.state is JobState.RUNNING
        assert running.progress is not None
        assert running.progress.steps == 100
        assert running.progress.eta_s is not None
        assert running.progress.eta_s > 0
        bench.store.request_cancel(job_id)
        bench.wait(job_id)
