"""Bodies that never end, drip, or lie about their length: each costs one connection for a bounded time, and no job."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import SecretStr

from jobs.settings import Settings
from tests.app.hostile.requests import BOUNDARY
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

TIMEOUT_S = 2.0
HEAD = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n"
FORM, JSON = f"multipart/form-data; boundary={BOUNDARY}", "application/json"
CHUNKED = "Transfer-Encoding: chunked"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n'.encode()


def head(kind: str, framing: str) -> bytes:
    return HEAD.format(kind=kind, framing=framing).encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def answer_to(api: ApiProcess, first: bytes, more: Iterator[bytes], pause_s: float = 0.0) -> bytes:
    """What the server says while a thread goes on sending until nobody listens."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=60) as connection:
        connection.sendall(first)

        def send() -> None:
            with suppress(OSError):
                for piece in more:
                    connection.sendall(piece)
                    time.sleep(pause_s)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        answer = b""
        with suppress(ConnectionResetError):  # a client that goes on writing to a closed connection is told so
            while received := connection.recv(65536):
                answer += received
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sender.join(30)
        assert not sender.is_alive(), "the server stopped listening"
        return answer


def forever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


@pytest.fixture(scope="module")
def tight() -> Iterator[tuple[ApiProcess, StandIn]]:
    """A service that takes small bodies, and only so long."""
    limits: dict[str, Any] = {"max_upload_bytes": 200_000, "max_inflight_bytes": 2**21, "body_timeout_s": TIMEOUT_S}
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, log_format="json", **limits) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        yield api, worker
        worker.close()


@pytest.fixture
def worker(tight: tuple[ApiProcess, StandIn]) -> StandIn:
    tight[1].redis.flushall()
    tight[1].appear()
    return tight[1]


@pytest.fixture
def unharmed(tight: tuple[ApiProcess, StandIn], worker: StandIn) -> Iterator[ApiProcess]:
    """The service; after the test it is as small and as idle as before."""
    api = tight[0]
    before = api.rss_bytes
    yield api
    assert worker.queue.depth() == 0
    assert api.client.get("/readyz").status_code == 200
    assert api.client.post("/v1/jobs", json={"task": "generate"}).status_code == 202, "bytes in flight were given back"
    assert api.rss_bytes - before < 32 * 2**20


@pytest.mark.parametrize(
    ("kind", "first"), [(JSON, b'{"task": "'), (FORM, PART + b"\r\n"), (FORM, PART + b"X-Long: "), (FORM, b"")]
)
def test_body_without_an_end_is_cut_off(unharmed: ApiProcess, kind: str, first: bytes) -> None:
    start = head(kind, CHUNKED) + (chunk(first) if first else b"")
    answer = answer_to(unharmed, start, forever(chunk(b"a" * 2**16)))
    assert answer.split(b" ", 2)[1:2] in ([b"413"], [b"400"], []), answer[:200]  # [] is a reset under the sender
    assert b"HTTP/1.1 5" not in answer


@pytest.mark.parametrize("framing", [CHUNKED, "Content-Length: 150000"])
def test_body_that_drips_has_one_deadline_for_all_of_it(unharmed: ApiProcess, framing: str) -> None:
    began = time.monotonic()
    drop = chunk(b" ") if framing == CHUNKED else b" "
    answer = answer_to(unharmed, head(JSON, framing), forever(drop), pause_s=0.2)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in answer
    assert time.monotonic() - began < TIMEOUT_S + 15


def test_more_bytes_than_announced_are_no_part_of_the_body(unharmed: ApiProcess) -> None:
    answer = answer_to(unharmed, head(JSON, "Content-Length: 2") + b"{}" + b"rest of a longer body\r\n\r\n", iter(()))
    assert answer.startswith(b"HTTP/1.1 422")
    assert b"HTTP/1.1 400" in answer, "the rest is no request"


@pytest.mark.parametrize("framing", ["Content-Length: 100", CHUNKED])
def test_client_that_leaves_in_the_middle_leaves_nothing(unharmed: ApiProcess, framing: str) -> None:
    with socket.create_connection(("127.0.0.1", unharmed.port), timeout=30) as connection:
        connection.sendall(head(JSON, framing) + (chunk(b'{"task"') if framing == CHUNKED else b'{"task"'))


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: -1",
        "Content-Length: 1e9",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: " + "9" * 400,
        "Transfer-Encoding: chunked, gzip",
        "X-Long: " + "h" * 100_000,
    ],
)
def test_impossible_framing_is_refused(unharmed: ApiProcess, framing: str) -> None:
    answer = answer_to(unharmed, head(JSON, framing) + b"{}", iter(()))
    assert answer.split(b" ", 2)[1] in {b"400", b"413", b"501"}, answer[:200]


@pytest.mark.parametrize(
    ("size", "codes"),
    [
        (b"zz", {"400 bad_request"}),
        (b"-1", {"400 bad_request"}),
        (b"ffffffffffffffffffff", {"408 body_timeout"}),
        (b"1;" + b"x" * 70_000, {"400 bad_request", "408 body_timeout"}),  # as it arrives, in pieces or at once
    ],
)
def test_impossible_chunk_is_refused(unharmed: ApiProcess, size: bytes, codes: set[str]) -> None:
    answer = answer_to(unharmed, head(JSON, CHUNKED) + size + b"\r\n{\r\n", iter(()))
    assert answer.count(b"HTTP/1.1 ") == 1, answer[:200]
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert f"{lines.split(b' ', 2)[1].decode()} {json.loads(body)['code']}" in codes
