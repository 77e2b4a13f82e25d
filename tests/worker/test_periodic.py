from __future__ import annotations

import threading
import time

from worker.periodic import Periodic


def test_periodic_thread_survives_a_failure_and_stops_at_once() -> None:
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        raise ValueError("once")

    thread = Periodic("test", 0.01, act)
    thread.start()
    while len(calls) < 3:
        time.sleep(0.01)
    thread.stop()
    assert not thread.is_alive()
    Periodic("never started", 1.0, act).stop()


def test_periodic_thread_in_a_hurry_does_not_wait_for_the_rest_of_its_interval() -> None:
    called = threading.Semaphore(0)
    thread = Periodic("test", 3600.0, called.release)
    thread.start()
    assert called.acquire(timeout=60)
    thread.hurry()
    assert called.acquire(timeout=60)
    thread.stop()
    assert not called.acquire(blocking=False)
