"""A line between a process and a server that can be cut, as when a switch dies, or slowed down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK_BYTES = 1 << 16


class Line:
    """Carries connections from a free loopback port to a server's Unix socket, or its port, in a thread of its own::

    with Line(server.socket) as line:
        connect to line.url
        line.cut()       # what is sent arrives nowhere, and nobody is told so
        line.mend()      # connections of before are closed, new ones are carried
        line.delay_s = 0.2

    A cut line answers nothing and refuses nothing, neither open connections nor new ones: only timeouts notice.
    """

    def __init__(self, server: Path | int) -> None:
        self._server_at = server
        self.delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()
        self._whole: asyncio.Event
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """What `INLAY_REDIS_URL` takes, if the server is Redis."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """From now on nothing arrives, either way."""
        self._call(self._whole.clear)

    def mend(self) -> None:
        """Carry again; connections that were cut are gone."""
        self._call(self._drop)
        self._call(self._whole.set)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._whole = asyncio.Event()
        self._whole.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._listening.set()

    async def _carry(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        self._open.add(near_out)
        try:
            await self._whole.wait()
            far, far_out = await self._connect()
        except OSError:
            near_out.close()
            self._open.discard(near_out)
            return
        self._open.add(far_out)
        ways = [asyncio.create_task(self._pump(*way)) for way in ((near, far_out), (far, near_out))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (near_out, far_out):
            writer.close()
            self._open.discard(writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._server_at, int):
            return await asyncio.open_connection("127.0.0.1", self._server_at)
        return await asyncio.open_unix_connection(str(self._server_at))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._whole.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            return

    def _drop(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _close(self) -> None:
        self._server.close()
        self._drop()
        others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _call(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        assert done.wait(10)
