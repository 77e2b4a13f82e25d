"""What a service with tight limits is sent: bytes that no client library would send, and too many of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.app.service import ApiProcess

SMALL: dict[str, Any] = {
    "max_upload_bytes": 200_000,
    "max_inflight_bytes": 2**21,
    "body_timeout_s": 3,
    "max_queue_depth": 5,
    "worker_grace_s": 0,
}
JSON = {"Content-Type": "application/json"}


def raw(api: ApiProcess, request: bytes) -> bytes:
    """Everything the server says to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(request)
        return all_from(connection)


def all_from(connection: socket.socket) -> bytes:
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


def upload_that_stalls(api: ApiProcess, sent_bytes: int) -> socket.socket:
    """A connection that announces a body of 1.5 MB and stops after so many bytes."""
    connection = socket.create_connection(("127.0.0.1", api.port), timeout=30)
    head = (
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1500000\r\n\r\n"
    )
    connection.sendall(head.encode() + b" " * sent_bytes)
    return connection


def until(status: int, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Sends again, four seconds long, until the answer is the expected one: the server learns of sockets by and by."""
    deadline = time.monotonic() + 4
    while True:
        response = send()
        if response.status_code == status or time.monotonic() > deadline:
            return response
        time.sleep(0.05)
