"""Jobs that cannot be run or that break: each fails alone, with a reason that its client may know."""

from __future__ import annotations

import json
import logging
import zlib

import pytest
import torch
from rq.job import Job

from jobs import keys
from jobs.connect import RedisClient
from jobs.errors import FailureCode
from jobs.record import JobState
from tests.worker.bad_models import Cropped, Evil
from tests.worker.conftest import Bench, StartWorker, half_mask, noise_png
from worker.diffusers_model import DiffusersModel


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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, FailureCode.DIVERGED),
        (torch.OutOfMemoryError("full"), FailureCode.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …"), FailureCode.OUT_OF_MEMORY),
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


def test_job_whose_result_cannot_be_made_fails(
    bench: Bench, start_worker: StartWorker, tiny_model: DiffusersModel
) -> None:
    job_id = bench.submit(noise_png(128, 128))
    with start_worker(tiny_model=Cropped(tiny_model)):
        record = bench.wait(job_id)
    assert record.error is not None
    assert record.error.code is FailureCode.INTERNAL_ERROR
    assert bench.redis.keys("inlay:blob:*") == []
