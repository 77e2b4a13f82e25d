"""A resident worker in a thread, on a real Redis: what becomes of jobs that run, are canceled, fail."""

from __future__ import annotations

import io
import json
import logging
import time
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rq.job import Job

from jobs import keys
from jobs.connect import RedisClient, text
from jobs.errors import FailureCode
from jobs.record import JobState
from jobs.workers import WorkerRegistry, WorkerState
from sampler.evaluation import Conditioning, Decode, Denoise, Denoised, Encode
from tests.worker.conftest import Bench, StartWorker, noise_png, png, wait_for
from worker.diffusers_model import DiffusersModel
from worker.resident import EXIT_FAILED, ResidentWorker

LONG: dict[str, Any] = {"steps": 100, "solver": "newton", "inner_steps": 20}
"""Thousands of evaluations: certainly still running when something happens to it."""


def half_mask(width: int, height: int) -> bytes:
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (width // 2, 0, width, height))
    return png(mask)


def books(redis: RedisClient) -> list[bytes | str]:
    """What RQ still knows of jobs."""
    return redis.keys("rq:job:*") + redis.keys("rq:execution*") + redis.keys("rq:queue:*") + redis.keys("rq:wip:*")


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
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    ids = [bench.submit(seed=number, steps=3) for number in range(8)]
    with start_worker() as worker:
        records = [bench.wait(job_id) for job_id in ids]
        wait_for(lambda: not worker.job_ids())
        [presence] = WorkerRegistry(redis).alive()
        rows = worker.presence().batch_rows
        assert worker.presence().largest_batch == min(8, rows)
        assert presence.state is WorkerState.READY
        worker.beat()
        [presence] = WorkerRegistry(redis).alive()
        assert presence.largest_batch == min(8, rows)
        assert presence.evaluations == presence.calls if rows == 1 else presence.evaluations > 1.5 * presence.calls
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


def test_running_job_is_canceled_within_an_evaluation(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    with start_worker() as worker:
        job_id = bench.submit(**LONG)
        other = bench.submit(steps=20)
        bench.wait_for_step(job_id)
        calls = worker.presence().calls
        bench.store.request_cancel(job_id)
        canceled = bench.wait(job_id)
        stopped_after = worker.presence().calls - calls
        assert bench.wait(other).state is JobState.SUCCEEDED
        wait_for(lambda: not worker.job_ids())
    assert canceled.state is JobState.CANCELED
    assert canceled.timings is not None
    assert canceled.results == []
    assert stopped_after < 50
    assert books(redis) == []


def test_queued_job_that_was_canceled_or_deleted_is_never_run(bench: Bench, start_worker: StartWorker) -> None:
    canceled, deleted, twice = bench.submit(), bench.submit(), bench.submit()
    bench.queue.enqueue(twice)
    bench.store.request_cancel(canceled)
    bench.store.delete(deleted)
    with start_worker() as worker:
        assert bench.wait(twice).attempt == 1
        wait_for(lambda: not bench.queue.depth() and not worker.job_ids())
    assert bench.get(canceled).attempt == 0
    assert bench.store.get(deleted) is None
    assert not bench.redis.exists(*bench.get(canceled).inputs.values())


def test_record_of_another_version_fails_alone(
    bench: Bench, start_worker: StartWorker, redis: RedisClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    newer, fine, lost = bench.submit(), bench.submit(), bench.submit()
    redis.hset(keys.job(newer), "novel", "1")
    bench.queue.remove(lost)
    with start_worker():
        assert bench.wait(fine).state is JobState.SUCCEEDED
        assert bench.wait(lost).state is JobState.SUCCEEDED
    error = json.loads(redis.hget(keys.job(newer), "error") or "{}")
    assert (bench.store.state(newer), error["code"]) == (JobState.FAILED, FailureCode.INTERNAL_ERROR)
    assert redis.keys(f"inlay:blob:{newer}:*") == redis.keys("rq:job:*") == []


def test_deleted_running_job_stops_and_leaves_nothing(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    with start_worker() as worker:
        job_id = bench.submit(**LONG)
        bench.wait_for_step(job_id)
        bench.store.delete(job_id)
        wait_for(lambda: not worker.job_ids())
    assert redis.keys(f"inlay:job:{job_id}") == []
    assert books(redis) == []


def test_late_jobs_fail_running_or_waiting(bench: Bench, start_worker: StartWorker) -> None:
    waiting = bench.submit(deadline_s=0.01)
    with start_worker():
        assert bench.wait(waiting).error is not None
        running = bench.submit(deadline_s=2.0, **LONG)
        record = bench.wait(running)
    for failed in (bench.get(waiting), record):
        assert failed.state is JobState.FAILED
        assert failed.error is not None
        assert failed.error.code is FailureCode.DEADLINE_EXCEEDED


def test_jobs_that_cannot_run_fail_with_a_reason_and_the_others_go_on(
    bench: Bench, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    wrong = {
        FailureCode.UNKNOWN_MODEL: bench.submit(model="another/model"),
        FailureCode.INPUT_MISSING: bench.submit(noise_png(64, 64), task="inpaint"),
        FailureCode.INPUT_UNREADABLE: bench.submit(b"no picture"),
    }
    sizes = bench.submit(noise_png(64, 64), half_mask(100, 64), task="inpaint")
    expired = bench.submit()
    bench.blobs.delete(bench.get(expired).inputs.values())
    fine = bench.submit(model="tiny-128")
    with start_worker():
        assert bench.wait(fine).state is JobState.SUCCEEDED
        for code, job_id in [
            *wrong.items(),
            (FailureCode.INPUT_UNREADABLE, sizes),
            (FailureCode.INPUT_MISSING, expired),
        ]:
            record = bench.wait(job_id)
            assert record.state is JobState.FAILED
            assert record.error is not None
            assert record.error.code is code


def test_tampered_entry_is_refused_and_its_job_still_runs(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    job_id = bench.submit()
    data = zlib.compress(json.dumps(["os.system", None, ["true"], {}]).encode())
    redis.hset(Job.key_for(job_id), "data", data)
    with start_worker():
        record = bench.wait(job_id)
    assert record.state is JobState.SUCCEEDED
    assert record.attempt == 1


class Evil(DiffusersModel):
    """A model whose network fails in a chosen way for samples of one prompt; all else is real."""

    def __init__(self, model: DiffusersModel, error: Exception | None) -> None:
        self.__dict__.update(model.__dict__)
        self.error = error
        self.victim = model.conditioning("break", "", 1.0).prompt

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        answers = super().denoise(requests)
        for number, request in enumerate(requests):
            if request.conditioning.prompt is self.victim:
                if self.error is not None:
                    raise self.error
                answers[number] = Denoised(torch.full_like(request.x_t, torch.nan), request.x_t)
        return answers


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, FailureCode.DIVERGED),
        (torch.OutOfMemoryError("full"), FailureCode.OUT_OF_MEMORY),
        (RuntimeError("/secret/path"), FailureCode.INTERNAL_ERROR),
    ],
)
def test_failing_job_fails_alone(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, error: Exception | None, code: FailureCode
) -> None:
    broken, fine = bench.submit(prompt="break"), bench.submit(prompt="a face")
    with start_worker(tiny_model=Evil(tiny_model, error)):
        assert bench.wait(fine).state is JobState.SUCCEEDED
        record = bench.wait(broken)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code is code
    assert "secret" not in record.error.detail


class Cropped(DiffusersModel):
    """A model whose decoder answers with pictures that are too small to be composited."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def decode(self, requests: Sequence[Decode]) -> list[torch.Tensor]:
        return [image[:, :8, :8] for image in super().decode(requests)]


def test_job_whose_result_cannot_be_made_fails(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel
) -> None:
    job_id = bench.submit(noise_png(128, 128))
    with start_worker(tiny_model=Cropped(tiny_model)):
        record = bench.wait(job_id)
    assert record.error is not None
    assert record.error.code is FailureCode.INTERNAL_ERROR
    assert bench.redis.keys("inlay:blob:*") == []


class Unprepared(DiffusersModel):
    """A model whose device is lost while a prompt is embedded."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        if prompt == "break":
            raise torch.AcceleratorError("CUDA error: illegal access")
        return super().conditioning(prompt, negative_prompt, guidance_scale)


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit statuses of workers."""
    ended: list[int] = []
    serve = ResidentWorker.serve
    monkeypatch.setattr(ResidentWorker, "serve", lambda self: ended.append(serve(self)))
    return ended


def test_device_lost_while_preparing_ends_the_worker_too(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    job_id = bench.submit(prompt="break")
    with start_worker(tiny_model=Unprepared(tiny_model)):
        wait_for(lambda: bool(statuses))
    assert statuses == [EXIT_FAILED]
    assert (bench.get(job_id).state, bench.get(job_id).attempt) == (JobState.QUEUED, 1)


def test_job_that_loses_the_device_every_time_fails_as_poison(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    job_id = bench.submit(prompt="break")
    for attempt in (1, 2):
        with start_worker(tiny_model=Unprepared(tiny_model), max_attempts=2):
            wait_for(lambda attempt=attempt: len(statuses) == attempt)  # type: ignore[misc]  # mypy infers no default
    record = bench.get(job_id)
    assert (record.state, record.attempt) == (JobState.FAILED, 2)
    assert record.error is not None
    assert record.error.code is FailureCode.POISON_JOB
    assert bench.queue.depth() == 0


def test_lost_device_ends_the_worker_and_gives_the_jobs_back(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel, statuses: list[int]
) -> None:
    broken, other = bench.submit(prompt="break"), bench.submit(**LONG)
    with start_worker(tiny_model=Evil(tiny_model, torch.AcceleratorError("CUDA error: illegal access"))):
        wait_for(lambda: bool(statuses))
    assert statuses == [EXIT_FAILED]
    for job_id in (broken, other):
        assert (bench.get(job_id).state, bench.get(job_id).attempt) == (JobState.QUEUED, 1)
    assert bench.queue.depth() == 2


class Slow(DiffusersModel):
    """A model that hangs for a while in its first network call after the warm-up."""

    def __init__(self, model: DiffusersModel, hang_s: float) -> None:
        self.__dict__.update(model.__dict__)
        self.hang_s = hang_s

    def encode(self, requests: Sequence[Encode]) -> list[torch.Tensor]:
        if float(requests[0].image.abs().max()) > 0:
            time.sleep(self.hang_s)
        return super().encode(requests)


def test_worker_that_hangs_gives_no_sign_of_life_and_ends(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel
) -> None:
    hangs: list[float] = []
    with start_worker(
        tiny_model=Slow(tiny_model, 6.0), stall_timeout_s=1.5, on_hang=lambda: hangs.append(time.monotonic())
    ):
        bench.wait(bench.submit())
    assert hangs


def test_drain_finishes_what_fits_and_gives_back_the_rest(
    bench: Bench, start_worker: StartWorker, redis: RedisClient
) -> None:
    with start_worker(drain_grace_s=3.0) as worker:
        long, short = bench.submit(**LONG, n=4), bench.submit(steps=10)
        bench.wait(long, lambda record: record.state is JobState.RUNNING)
        bench.wait(short, lambda record: record.state is not JobState.QUEUED)
        worker.request_drain()
        wait_for(lambda: any(one.state is WorkerState.DRAINING for one in WorkerRegistry(redis).alive()))
        late = bench.submit()
        wait_for(lambda: not worker.job_ids())
    assert (bench.get(long).state, bench.get(long).attempt) == (JobState.QUEUED, 0)
    assert (bench.get(late).state, bench.get(late).attempt) == (JobState.QUEUED, 0)
    assert bench.get(short).state is JobState.SUCCEEDED
    assert bench.queue.rq.get_job_ids() == [long, late]
    assert WorkerRegistry(redis).alive() == []
    assert redis.keys("rq:execution*") == []
    assert redis.get(keys.worker(worker.name)) is None


def test_superseded_worker_drops_the_job_quietly(bench: Bench, start_worker: StartWorker) -> None:
    """As after a long outage: another execution has been given the job meanwhile."""
    with start_worker() as worker:
        job_id = bench.submit(**LONG)
        record = bench.wait_for_step(job_id)
        bench.store.transition(job_id, JobState.QUEUED, expect={JobState.RUNNING}, expect_attempt=record.attempt)
        bench.store.claim(job_id, "another")
        bench.redis.set(keys.RECOVERY_LOCK, "test", ex=60)
        wait_for(lambda: not worker.job_ids())
    assert (bench.get(job_id).worker, bench.get(job_id).state) == ("another", JobState.RUNNING)
