"""A real Redis server process for tests: starts, stops, dies, comes back with what it had kept."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from inlay.redis_server import MAX_MEMORY_BYTES, redis_answers, redis_command

START_TIMEOUT_S = 20.0


class RedisProcess:
    """One Redis server on a Unix socket in a folder of its own (short path, mode 0700)::

        with RedisProcess(append_only=True) as server:
            redis.Redis.from_url(server.url).ping()
            server.kill()       # as kill -9 would
            server.start()      # the append-only file brings the data back

    Leaving the block kills it and removes the folder. With `sync_always` nothing is answered before it is on the disk;
    else, while the disk is busy, what was answered in the last two seconds may go with a kill. If it
    `outgrows_files` it meets the process's limit on the size of files as an error, not as a deadly signal. `options` of
    Redis override the others; `within` runs the command, as `ip netns exec NAME` does.
    """

    def __init__(
        self,
        *,
        append_only: bool = False,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
        sync_always: bool = False,
        outgrows_files: bool = False,
        options: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> None:
        self.options, self.within = options, within
        self.outgrows_files = outgrows_files
        self.sync_always = sync_always
        self.max_memory_bytes = max_memory_bytes
        self.folder = Path(tempfile.mkdtemp(prefix="inlay-redis-"))
        self.socket = self.folder / "redis.sock"
        self.append_only = append_only
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What `redis.Redis.from_url` and `INLAY_REDIS_URL` take."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Start the server and return when it answers PING. Raises `RuntimeError` with its log if it never does."""
        log_path = self.folder / "redis.log"
        command = redis_command(
            self.folder, self.socket, append_only=self.append_only, max_memory_bytes=self.max_memory_bytes
        )
        if self.sync_always:
            command += ["--appendfsync", "always"]
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.within, *command, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                restore_signals=not self.outgrows_files,  # Python itself ignores SIGXFSZ
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not redis_answers(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start:\n{log_path.read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server as an operator would (SIGTERM): the append-only file is flushed."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as an out-of-memory kill would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same socket and the same data."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=10)
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
