"""Heads that drip or never come: each costs one connection for a bounded time, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from tests.app.listening import submit
from tests.app.raw_http import all_from
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

TIMEOUT_S = 1.5
BUSY_S = 6.0
"""By which a busy machine may be late."""
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGUN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@pytest.fixture(scope="module")
def hasty(app_redis: RedisProcess) -> Iterator[ApiProcess]:
    """A service that waits for heads only so long."""
    with ApiProcess(redis_url=app_redis.url, head_timeout_s=TIMEOUT_S) as api:
        yield api


def connected(api: ApiProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.port), timeout=30)


def drip_until_answered(connection: socket.socket) -> bytes:
    """A letter at a time, each well before the time is over, until the server says something."""
    connection.settimeout(0.3)
    while True:
        connection.sendall(b"x")
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            continue
        connection.settimeout(30)
        return answer + all_from(connection)


def is_late_head(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert told["request_id"].encode() in head
    assert b"content-type: application/problem+json" in head
    return head.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and told["code"] == "head_timeout" and told["retryable"]


def test_a_head_that_drips_has_one_deadline_for_all_of_it(hasty: ApiProcess) -> None:
    with connected(hasty) as connection:
        began = time.monotonic()
        connection.sendall(BEGUN)
        assert is_late_head(drip_until_answered(connection))
        assert TIMEOUT_S - 0.1 < time.monotonic() - began < TIMEOUT_S + BUSY_S


def test_a_further_head_on_a_kept_connection_has_it_too(hasty: ApiProcess) -> None:
    with connected(hasty) as connection:
        connection.sendall(WHOLE)
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
        time.sleep(1)
        began = time.monotonic()
        connection.sendall(BEGUN)
        assert is_late_head(drip_until_answered(connection))
        assert TIMEOUT_S - 0.1 < time.monotonic() - began < TIMEOUT_S + BUSY_S


def test_half_a_head_sent_along_with_a_whole_one_is_not_waited_for(hasty: ApiProcess) -> None:
    with connected(hasty) as connection:
        began = time.monotonic()
        connection.sendall(WHOLE + BEGUN)
        assert all_from(connection).count(b"HTTP/1.1 200") == 1
        assert time.monotonic() - began < 5 + BUSY_S, "the time between two requests"


def test_who_says_nothing_is_told_nothing(hasty: ApiProcess) -> None:
    with connected(hasty) as connection:
        began = time.monotonic()
        assert all_from(connection) == b""
        assert time.monotonic() - began < TIMEOUT_S + BUSY_S


def test_what_is_slow_after_its_head_is_served(hasty: ApiProcess, worker: StandIn) -> None:
    job = submit(hasty.client)
    began = time.monotonic()
    held = hasty.client.get(job["links"]["self"], headers={"Prefer": "wait=4"})
    assert (held.status_code, held.json()["state"]) == (200, "queued")
    assert time.monotonic() - began > 2 * TIMEOUT_S
    body = b'{"task": "generate"}'
    with connected(hasty) as connection:
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n")
        for letter in body:
            connection.sendall(bytes([letter]))
            time.sleep(2 * TIMEOUT_S / len(body))
        assert all_from(connection).startswith(b"HTTP/1.1 202")


def test_many_slow_heads_hold_nobody_and_are_gone_in_time(hasty: ApiProcess) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(hasty)).sendall(BEGUN)
        assert hasty.client.get("/healthz").status_code == 200
        deadline = time.monotonic() + TIMEOUT_S + BUSY_S
        while len(open_connections(hasty)) > 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def open_connections(api: ApiProcess) -> list[object]:
    """Those that the server still holds open."""
    held = psutil.Process(api.process.pid).net_connections("tcp")
    return [one for one in held if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == api.port]
