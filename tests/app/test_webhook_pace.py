"""When a webhook is sent again: at our pace, or later where its receiver asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.webhooks.pace import JITTER, LONGEST_PAUSE_S, as_asked_s, asked_pause_s, pause_s
from tests.app.hooked import Service, settled, submit
from tests.app.receiver import Receiver, Reply

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 01 Jan 2026 12:01:30 GMT", 90),
        ("Thursday, 01-Jan-26 12:01:30 GMT", 90),
        ("Thu Jan  1 12:01:30 2026", 90),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("9" * 400, 0),
        ("٣", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float) -> None:
    assert asked_pause_s(header, NOW) == seconds


@pytest.mark.parametrize("attempt", [1, 2, 20, 10**6])
def test_the_usual_pause_doubles_up_to_a_quarter_of_an_hour(attempt: int) -> None:
    usual_s = min(5.0 * 2.0 ** min(attempt - 1, 20), LONGEST_PAUSE_S)
    assert usual_s * (1 - JITTER) <= pause_s(attempt, 5.0) <= usual_s * (1 + JITTER)


def test_a_receiver_is_not_tried_before_the_time_it_asked_for() -> None:
    pauses = [as_asked_s(5.0, 60.0, left_s=7000.0) for _ in range(50)]
    assert all(60.0 <= pause <= 60.0 * (1 + JITTER) for pause in pauses)
    assert len(set(pauses)) > 1, "what failed together does not come back together"


@pytest.mark.parametrize(
    ("usual_s", "asked_s", "left_s", "expected_s"),
    [
        (40.0, 10.0, 7000.0, 40.0),  # asks for less than usual
        (5.0, 86400.0, 7000.0, LONGEST_PAUSE_S),
        (5.0, 86400.0, 300.0, 300.0),  # once more at the end
        (40.0, 86400.0, 30.0, 40.0),  # there is no time for another attempt at all
        (5.0, 0.0, 7000.0, 5.0),
    ],
)
def test_what_is_asked_for_has_bounds(usual_s: float, asked_s: float, left_s: float, expected_s: float) -> None:
    assert as_asked_s(usual_s, asked_s, left_s) == expected_s


@pytest.mark.parametrize("status", [429, 503, 307])
def test_a_receivers_retry_after_is_waited_for(service: Service, status: int) -> None:
    api = service.start()
    with Receiver(Reply(status, (("Retry-After", "3"),))) as receiver:
        job_id = submit(api.client, receiver.url)
        service.worker.finish(service.worker.start(job_id))
        first, second = receiver.wait_for(2)
        assert settled(api.client, job_id)["state"] == "delivered"
    api.stop()
    assert second.began - first.ended > 2.9, "usually it is a fifth of a second"


def test_a_receiver_that_asks_for_too_long_is_tried_once_more_before_it_is_given_up(service: Service) -> None:
    api = service.start(webhook_give_up_s=4)
    with Receiver(usual=Reply(503, (("Retry-After", "600"),))) as receiver:
        job_id = submit(api.client, receiver.url)
        service.worker.finish(service.worker.start(job_id))
        log = settled(api.client, job_id)
        first, second = receiver.received
    api.stop()
    assert log["state"] == "given_up"
    assert second.began - first.began > 3.0
