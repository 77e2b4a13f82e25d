"""HTTP/1.1 with next to no work for the sender: bytes that were made before are written, and of an answer only what
counts is read. For a generator that shares its cores with the service that it loads."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
IDLE_S = 2.0
"""Servers hang up on those who say nothing, ours after 5 s; a connection is not used again that long after."""


@dataclass(frozen=True)
class Answer:
    """Status and body; `at` is the moment of the monotonic clock at which its last byte was here."""

    status: int
    body: bytes
    at: float


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None
        self._idle_since = time.monotonic()

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and time.monotonic() - self._idle_since < IDLE_S

    async def send(self, request: bytes) -> Answer:
        """Raises `ConnectionError` if it was lost meanwhile."""
        if self._transport is None:
            raise ConnectionResetError("the connection was lost")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio has it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """As asyncio has it."""
        self._buffer += data
        end = self._buffer.find(END_OF_HEAD)
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._buffer[:end])
        length = _LENGTH.search(head)
        if length is None:
            self._answer.set_exception(ConnectionError("an answer of unknown length"))
            self.close()
            return
        begin = end + len(END_OF_HEAD)
        if len(self._buffer) < begin + int(length[1]):
            return
        self._idle_since = time.monotonic()
        self._answer.set_result(Answer(int(head[9:12]), bytes(self._buffer[begin:]), self._idle_since))
        self._buffer.clear()
        if _CLOSES.search(head):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio has it."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the connection was lost"))


class Connections:
    """As many connections to an address as there are requests under way; those that rest are used again."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._resting: deque[Connection] = deque()

    async def send(self, request: bytes, timeout_s: float) -> Answer:
        """Raises `OSError` if there is no answer in time, or no connection."""
        async with asyncio.timeout(timeout_s):
            connection = await self._connection()
            try:
                answer = await connection.send(request)
            except BaseException:
                connection.close()
                raise
        self._resting.append(connection)
        return answer

    def close(self) -> None:
        """Hang up on all."""
        while self._resting:
            self._resting.pop().close()

    async def _connection(self) -> Connection:
        while self._resting:
            connection = self._resting.pop()
            if connection.usable:
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port)
        return connection
