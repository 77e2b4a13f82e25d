"""What a real worker tells of its jobs: in order, not too often, with pictures for those who want them."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

from jobs import keys
from jobs.connect import RedisClient
from jobs.events import Event, EventLog
from jobs.record import JobState
from jobs.settings import Settings
from sampler.evaluation import Encode
from tests.worker.conftest import Bench, StartWorker, noise_png, wait_for
from training.scenes import make_scene
from worker.diffusers_model import DiffusersModel
from worker.geometry import Box
from worker.model import load
from worker.previews import encode_preview, fit_colors


@pytest.fixture
def log(redis: RedisClient) -> EventLog:
    return EventLog(redis)


def steps(events: list[Event]) -> list[int]:
    return [event.data["step"] for event in events if event.name == "progress"]


def test_life_of_a_job_is_told_in_order_and_ends_with_its_state(
    bench: Bench, start_worker: StartWorker, log: EventLog
) -> None:
    with start_worker(progress_interval_s=0.0):
        job_id = bench.submit(steps=12)
        bench.wait(job_id)
    events = log.past(job_id)
    assert [event.name for event in events if event.name != "progress"] == ["queued", "started", "succeeded"]
    assert (events[0].name, events[1].name, events[-1].name) == ("queued", "started", "succeeded")
    told = steps(events)
    assert told
    assert told == sorted(set(told))
    assert all(event.data["steps"] == 12 for event in events if event.name == "progress")


def test_progress_is_told_at_most_once_in_an_interval_and_never_after_the_end(
    bench: Bench, start_worker: StartWorker, log: EventLog
) -> None:
    interval_s = 0.2
    with start_worker(progress_interval_s=interval_s):
        job_id = bench.submit(steps=100, solver="newton", inner_steps=5)
        bench.wait(job_id)
        time.sleep(0.5)
    events = log.past(job_id)
    assert events[-1].name == "succeeded"
    times_ms = [event.id[0] for event in events if event.name == "progress"]
    assert times_ms
    # Counted over all, for a busy machine writes one late and the next one in time.
    assert len(times_ms) <= 2 + (times_ms[-1] - times_ms[0]) / (1000 * interval_s), times_ms


@pytest.mark.parametrize(("size", "expected"), [((64, 64), (128, 128)), ((300, 200), (128, 85))])
def test_previews_are_pictures_of_the_documented_size_for_who_wants_them(
    bench: Bench, start_worker: StartWorker, log: EventLog, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    with start_worker(progress_interval_s=0.0):
        record = bench.record(noise_png(*size), steps=20)
        log.want_previews([record.id])
        bench.store.create(record)
        bench.queue.enqueue(record.id)
        unwatched = bench.submit(steps=20)
        bench.wait(record.id)
        bench.wait(unwatched)
    previews = [event.preview for event in log.past(record.id) if event.preview is not None]
    assert previews
    for preview in previews:
        picture = Image.open(io.BytesIO(preview))
        assert (picture.format, picture.size) == ("WEBP", expected)
        picture.load()
        assert len(preview) < 16_000
    assert all(event.preview is None for event in log.past(unwatched))


def test_end_that_a_client_or_a_deadline_makes_is_told(bench: Bench, start_worker: StartWorker, log: EventLog) -> None:
    with start_worker():
        canceled = bench.submit(steps=100, solver="newton", inner_steps=20)
        late = bench.submit(steps=100, solver="newton", inner_steps=20, n=4, deadline_s=1.0)
        bench.wait_for_step(canceled)
        bench.store.request_cancel(canceled)
        bench.wait(canceled)
        bench.wait(late)
    assert log.past(canceled)[-1].name == "canceled"
    last = log.past(late)[-1]
    assert (last.name, last.data["error"]["code"]) == ("failed", "deadline_exceeded")


def test_job_of_a_lost_worker_is_told_as_queued_again_and_started_again(
    bench: Bench, start_worker: StartWorker, log: EventLog
) -> None:
    job_id = bench.submit()
    bench.store.claim(job_id, "a-worker-that-died")
    with start_worker():
        assert bench.wait(job_id).state is JobState.SUCCEEDED
    told = [(event.name, event.data["attempt"]) for event in log.past(job_id) if event.name != "progress"]
    assert told == [("queued", 0), ("started", 1), ("queued", 1), ("started", 2), ("succeeded", 2)]


def test_nothing_that_events_leave_in_redis_lives_for_ever(
    bench: Bench, start_worker: StartWorker, log: EventLog, redis: RedisClient
) -> None:
    with start_worker(progress_interval_s=0.0):
        job_id = bench.submit(steps=20)
        log.want_previews([job_id])
        bench.wait(job_id)
        wait_for(lambda: log.past(job_id)[-1].final)
        lasting = {key for key in redis.keys("inlay:*") if redis.ttl(key) == -1}
    assert lasting <= {keys.ACTIVE.encode()}
    assert abs(redis.ttl(keys.events(job_id)) - redis.ttl(keys.job(job_id))) <= 1


def test_preview_of_the_embedded_model_shows_most_of_what_a_scene_looks_like() -> None:
    model = load(Settings(device="cpu"))
    scene = make_scene(5_000, "butterfly")[1]
    pixels = np.asarray(scene, dtype=np.float32)
    (x0_hat,) = model.encode([Encode(torch.from_numpy(pixels / 127.5 - 1.0).permute(2, 0, 1))])
    preview = np.asarray(fit_colors(model, model).picture(x0_hat, Box(0, 0, 128, 128)), dtype=np.float32)
    coarse = scene.resize((16, 16), Image.Resampling.BOX).resize(scene.size, Image.Resampling.BICUBIC)
    wanted = np.asarray(coarse, dtype=np.float32)
    unexplained = ((preview - wanted) ** 2).sum() / ((wanted - wanted.mean(axis=(0, 1))) ** 2).sum()
    assert unexplained < 0.25


def test_preview_of_a_part_is_that_part_of_the_whole(tiny_model: DiffusersModel) -> None:
    colors = fit_colors(tiny_model, tiny_model)
    x0_hat = torch.zeros(4, 16, 16)
    x0_hat[:, :, 8:] = 2.0
    whole = np.asarray(colors.picture(x0_hat, Box(0, 0, 128, 128)), dtype=int)
    right = colors.picture(x0_hat, Box(64, 32, 64, 64))
    assert right.size == (128, 128)
    assert np.abs(np.asarray(right, dtype=int)[:, 64:] - whole[64, 120]).max() <= 1
    assert Image.open(io.BytesIO(encode_preview(right))).size == (128, 128)


def test_latents_that_are_not_numbers_make_a_preview_all_the_same(tiny_model: DiffusersModel) -> None:
    x0_hat = torch.full((4, 8, 16), torch.nan)
    assert fit_colors(tiny_model, tiny_model).picture(x0_hat, Box(0, 0, 128, 64)).size == (128, 64)
