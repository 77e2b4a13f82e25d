"""The service under test: keys asked for, no limit in the way, and a worker that ends every job at once."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from jobs.errors import JobError
from jobs.settings import Settings
from tests.app.keyed import new_key
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

LIMITS: dict[str, Any] = {
    "rate_limit_jobs": 100_000,
    "rate_window_s": 1,
    "max_active_jobs": 10_000,
    "max_queue_depth": 1_000_000,
    "max_pixels": 2**20,  # pictures that are generated here are small, and large ones would only take time
    "log_format": "json",
}


class BusyService:
    """Redis, the API with one key, and a worker; jobs with some seeds fail."""

    def __init__(self, folder: Path) -> None:
        self.key = new_key("tester", folder / "keys")
        self._keys = folder / "keys"
        self._stack = ExitStack()
        self._over = threading.Event()
        self._working = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        redis = self._stack.enter_context(RedisProcess())
        self.worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        self._stack.callback(self.worker.close)
        self.worker.appear()
        self.api = self._stack.enter_context(ApiProcess(redis_url=redis.url, api_keys_file=self._keys, **LIMITS))
        self._working.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._working.join()
        self._stack.close()

    def _work(self) -> None:
        while not self._over.wait(0.01):
            for job_id in self.worker.queue.waiting():
                self._end(job_id)

    def _end(self, job_id: str) -> None:
        try:
            record = self.worker.start(job_id)
            self.worker.report(record, 1)
            if record.spec.seed is not None and record.spec.seed % 5 == 4:
                self.worker.fail(record)
            else:
                self.worker.finish(record)
        except (JobError, AssertionError):  # canceled or deleted meanwhile
            return
