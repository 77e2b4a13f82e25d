"""Webhooks whose API process dies, or whose time is over."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.app.hooked import LEASE_S, TIMEOUT_S, Service, deliveries, settled, submit, verified
from tests.app.receiver import Receiver, Reply


class Fleet(Service):
    """A service of its own, whose processes may be killed."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    running = Fleet()
    yield running
    running.close()


def test_what_a_killed_process_leaves_between_attempts_another_delivers(fleet: Fleet) -> None:
    first = fleet.start(webhook_retry_s=1.0)
    with Receiver(Reply(503)) as receiver:
        job_id = submit(first.client, receiver.url)
        fleet.worker.finish(fleet.worker.start(job_id))
        receiver.wait_for(1)
        while not deliveries(first.client, job_id)["attempts"]:
            time.sleep(0.02)
        first.process.kill()
        second = fleet.start()
        requests = receiver.wait_for(2)
        log = settled(second.client, job_id)
    assert [verified(one)["data"]["id"] for one in requests] == [job_id, job_id]
    assert [(one["status"], one["error"]) for one in log["attempts"]] == [(503, "status"), (204, None)]


@pytest.mark.slow
def test_an_attempt_whose_process_was_killed_is_made_again_when_its_lease_ends(fleet: Fleet) -> None:
    first = fleet.start(webhook_timeout_s=TIMEOUT_S)
    with Receiver(Reply(after_s=0.9)) as receiver:
        job_id = submit(first.client, receiver.url)
        fleet.worker.finish(fleet.worker.start(job_id))
        receiver.wait_until(lambda: len(receiver.received) == 1)
        first.process.kill()
        began = time.monotonic()
        second = fleet.start()
        receiver.wait_until(lambda: len(receiver.received) == 2)
        assert time.monotonic() - began > LEASE_S - 2.0
        log = settled(second.client, job_id)
    assert [(one["attempt"], one["status"], one["error"]) for one in log["attempts"]] == [
        (1, None, "interrupted"),
        (2, 204, None),
    ]


def test_after_its_time_a_webhook_is_given_up(fleet: Fleet) -> None:
    api = fleet.start(webhook_give_up_s=1, webhook_retry_s=0.3)
    with Receiver(usual=Reply(500)) as receiver:
        job_id = submit(api.client, receiver.url)
        fleet.worker.finish(fleet.worker.start(job_id))
        log = settled(api.client, job_id)
        heard = len(receiver.received)
        time.sleep(1.0)
        assert len(receiver.received) == heard == len(log["attempts"]) >= 2
    assert log["state"] == "given_up"
