"""What dies in the middle of a job, and that nothing accepted is lost."""

from __future__ import annotations

import signal
import time

import pytest

from tests.app.service import ApiProcess
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pictures import half_masked, largest_difference, opened, png, scene

pytestmark = pytest.mark.end_to_end

WAIT_S = 240.0


def test_a_killed_workers_job_is_finished_by_another_with_the_same_picture() -> None:
    caption, picture = scene(3, "butterfly")
    upload = png(half_masked(picture))
    with Deployment() as service:
        service.start_worker()
        service.start_worker()
        job = service.client.complete(upload, keep="left", prompt=caption, seed=9, steps=40)
        service.wait_for_step(job.id, 2)
        killed = service.worker_of(job.id)
        killed.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        killed.wait(timeout=10)
        deadline = killed_at + 10
        while service.client.get(job.id).raw["attempt"] < 2:
            assert time.monotonic() < deadline, "another worker must have taken it within 10 s"
            time.sleep(0.05)
        done = service.client.wait(job.id, timeout_s=WAIT_S)
        assert done.state == "succeeded"
        assert done.raw["attempt"] == 2
        interrupted = opened(service.client.result(job.id))
        again = service.client.complete(upload, keep="left", prompt=caption, seed=9, steps=40)
        service.client.wait(again.id, timeout_s=WAIT_S)
        undisturbed = opened(service.client.result(again.id))
        assert largest_difference(interrupted, undisturbed) <= 1


def test_redis_killed_in_the_middle_loses_nothing_that_was_accepted() -> None:
    with Deployment() as service:
        service.start_worker()
        jobs = []
        for number in range(4):
            caption, picture = scene(number, "ring")
            jobs.append(service.client.complete(png(picture), keep="left", prompt=caption, seed=number))
        service.wait_for_step(jobs[0].id, 1)
        service.redis.kill()
        time.sleep(1.0)
        service.redis.start()
        service.wait_until_ready()
        for job in jobs:
            assert service.client.wait(job.id, timeout_s=WAIT_S).state == "succeeded"
            assert opened(service.client.result(job.id)).size == (128, 128)


def test_the_api_dies_and_comes_back_and_jobs_go_on() -> None:
    caption, picture = scene(4, "face")
    with Deployment() as service:
        service.start_worker()
        job = service.client.complete(png(picture), keep="left", prompt=caption, seed=1)
        service.wait_for_step(job.id, 1)
        service.api.process.kill()
        with ApiProcess(redis_url=service.redis.url) as another:
            deadline = time.monotonic() + WAIT_S
            while (body := another.client.get(f"/v1/jobs/{job.id}").json())["state"] != "succeeded":
                assert body["state"] in {"queued", "running"}, body
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert another.client.get(f"/v1/jobs/{job.id}/result").status_code == 200
