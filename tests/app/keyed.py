"""A service that asks for API keys: two API processes on one Redis, and keys made by `inlay keys new`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr
from typer.testing import CliRunner

from inlay.cli import app as inlay
from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def new_key(name: str, file: Path) -> str:
    """Makes a key as an operator does, and adds its line to the file."""
    made = CliRunner().invoke(inlay, ["keys", "new", name, "--file", str(file)])
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


class KeyedService:
    """The service with keys for some names; `limits` are settings of both API processes."""

    def __init__(self, file: Path, names: tuple[str, ...], **limits: object) -> None:
        self.file = file
        self.keys = {name: new_key(name, file) for name in names}
        self._limits = limits
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        redis = self._stack.enter_context(RedisProcess())
        settings = {"redis_url": redis.url, "api_keys_file": self.file, "log_format": "json", **self._limits}
        self.apis = [self._stack.enter_context(ApiProcess(**settings)) for _ in range(2)]  # type: ignore[arg-type]
        self.worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        self._stack.callback(self.worker.close)
        self.worker.appear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def client(self, key: str | None, replica: int = 0) -> httpx.Client:
        """A client that sends this key, or none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        client = httpx.Client(
            base_url=self.apis[replica].client.base_url, headers=headers, timeout=120, trust_env=False
        )
        return self._stack.enter_context(client)

    def of(self, name: str, replica: int = 0) -> httpx.Client:
        """The client of a caller."""
        return self.client(self.keys[name], replica)
