"""The file of API keys: hashes of keys, compared in constant time, and secrets; read again when it has changed."""

import hashlib
import hmac
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from jobs.webhook_secrets import read_secret

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 1.0
"""Seconds between two looks at the file."""
_LINE = re.compile(
    r"(?!anonymous:)([a-z0-9][a-z0-9._-]{0,63}):(?:sha256:([0-9a-f]{64})|webhook:(whsec_[!-~]{1,200}))", re.ASCII
)


class KeyFileUnusable(Exception):
    """The file cannot be read, or a line of it is not a key."""


@dataclass(frozen=True)
class _Entries:
    """What the file says: digests of keys with their names, and each name's webhook secrets."""

    keys: list[tuple[str, bytes]] = field(default_factory=list)
    secrets: dict[str, list[bytes]] = field(default_factory=dict)


class KeyFile:
    """Who may call: `name:sha256:…` a line, with comments (`#`) and empty lines; and `name:webhook:whsec_…`.

    A name may stand on several lines, so that a key can be replaced without a moment in which none is valid. The keys
    are random and long (`inlay keys new`), so that a plain hash of one cannot be searched for. Webhook secrets stand
    there as they are, since signing needs them.
    """

    def __init__(self, path: Path, *, look_again_s: float = LOOK_AGAIN_S) -> None:
        """Raises `KeyFileUnusable`."""
        self._path = path
        self._look_again_s = look_again_s
        self._looked_at = time.monotonic()
        self._version = _version(path)
        self._entries = _read(path)

    def caller_of(self, key: str) -> str | None:
        """The name behind a key, or None; takes as long for any key, right or wrong."""
        self._look_again()
        digest, found = hashlib.sha256(key.encode()).digest(), None
        for name, known in self._entries.keys:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def webhook_secrets_of(self, name: str) -> list[bytes]:
        """The secrets that sign a caller's webhooks; none, or several while one replaces another."""
        self._look_again()
        return self._entries.secrets.get(name, [])

    def _look_again(self) -> None:
        """Not at every request; a file that has become unusable changes nothing until it is mended."""
        if time.monotonic() - self._looked_at < self._look_again_s:
            return
        self._looked_at = time.monotonic()
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            self._entries = _read(self._path)
        except KeyFileUnusable as error:
            log.error("api_keys_unusable", error=str(error))
        else:
            log.info("api_keys_read", keys=len(self._entries.keys))


def _version(path: Path) -> tuple[int, ...] | None:
    """Changes whenever the file does; None while it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _read(path: Path) -> _Entries:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise KeyFileUnusable(f"the file of API keys cannot be read: {error}") from None
    entries = _Entries()
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            _enter(line, entries)
        except ValueError:
            form = "name:sha256:… or name:webhook:whsec_…"
            raise KeyFileUnusable(f"line {number} of {path} is not of the form {form}") from None
    return entries


def _enter(line: str, entries: _Entries) -> None:
    """Raises `ValueError`: it is neither a key nor a secret."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError
    name, digest, secret = found.groups()
    if digest is not None:
        entries.keys.append((name, bytes.fromhex(digest)))
    else:
        entries.secrets.setdefault(name, []).append(read_secret(secret))
