"""What dies in the middle of a job, and that nothing accepted is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from inlay import Client
from tests.app.service import ApiProcess
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pictures import half_masked, largest_difference, opened, png, scene

pytestmark = pytest.mark.end_to_end

WAIT_S = 240.0


@pytest.fixture(scope="module")
def hurt() -> Iterator[Deployment]:
    with Deployment() as deployment:
        yield deployment


def test_a_killed_workers_job_is_finished_by_another_with_the_same_picture(hurt: Deployment) -> None:
    caption, picture = scene(3, "butterfly")
    upload = png(half_masked(picture))
    hurt.have_workers(2)
    job = hurt.client.complete(upload, keep="left", prompt=caption, seed=9, steps=30)
    hurt.wait_for_step(job.id, 2)
    killed = hurt.worker_of(job.id)
    killed.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    killed.wait(timeout=10)
    deadline = killed_at + 10
    while hurt.client.get(job.id).raw["attempt"] < 2:
        assert time.monotonic() < deadline, "another worker must have taken it within 10 s"
        time.sleep(0.05)
    done = hurt.client.wait(job.id, timeout_s=WAIT_S)
    assert done.state == "succeeded"
    assert done.raw["attempt"] == 2
    interrupted = opened(hurt.client.result(job.id))
    again = hurt.client.complete(upload, keep="left", prompt=caption, seed=9, steps=30)
    hurt.client.wait(again.id, timeout_s=WAIT_S)
    undisturbed = opened(hurt.client.result(again.id))
    assert largest_difference(interrupted, undisturbed) <= 1


def test_redis_killed_in_the_middle_loses_nothing_that_was_accepted(hurt: Deployment) -> None:
    hurt.have_workers(1)
    jobs = []
    for number in range(4):
        caption, picture = scene(number, "ring")
        jobs.append(hurt.client.complete(png(picture), keep="left", prompt=caption, seed=number))
    hurt.wait_for_step(jobs[0].id, 1)
    hurt.redis.kill()
    time.sleep(1.0)
    hurt.redis.start()
    hurt.wait_until_ready()
    for job in jobs:
        assert hurt.client.wait(job.id, timeout_s=WAIT_S).state == "succeeded"
        assert opened(hurt.client.result(job.id)).size == (128, 128)


def test_the_api_dies_and_another_goes_on_with_its_jobs(hurt: Deployment) -> None:
    caption, picture = scene(4, "face")
    hurt.have_workers(1)
    with ApiProcess(redis_url=hurt.redis.url) as api, Client(str(api.client.base_url)) as client:
        job = client.complete(png(picture), keep="left", prompt=caption, seed=1)
        hurt.wait_for_step(job.id, 1)
        api.process.kill()
    assert hurt.client.wait(job.id, timeout_s=WAIT_S).state == "succeeded"
    assert opened(hurt.client.result(job.id)).size == (128, 128)
