"""A real API process on a real Redis, with a stand-in worker that plays jobs to their end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from jobs.record import JobRecord
from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.inlay.calling import Caller
from tests.redis_process import RedisProcess


class Player:
    """Runs each job in a few steps with the stand-in; prompts `fail` and `hold` fail it, or leave it running."""

    def __init__(self, settings: Settings) -> None:
        self.worker = StandIn(settings)
        self.worker.appear()
        self._stopping = threading.Event()
        self._taking = threading.Lock()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Takes no job meanwhile."""
        with self._taking:
            yield

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()
        self.worker.close()

    def _play(self) -> None:
        while not self._stopping.wait(0.02):
            with self._taking:
                for job_id in self.worker.queue.waiting():
                    self._run(self.worker.start(job_id))

    def _run(self, record: JobRecord) -> None:
        for step in range(1, 4):
            self.worker.report(record, step, eta_s=1.0)
            self._stopping.wait(0.2)
        if record.spec.prompt == "fail":
            self.worker.fail(record)
        elif record.spec.prompt != "hold":
            self.worker.finish(record)


@pytest.fixture(scope="session")
def played() -> Iterator[tuple[ApiProcess, Player]]:
    """The API, and a worker that plays."""
    with RedisProcess() as redis_server, ApiProcess(redis_url=redis_server.url) as api:
        player = Player(Settings(redis_url=SecretStr(redis_server.url)))
        yield api, player
        player.stop()


@pytest.fixture(scope="session")
def service(played: tuple[ApiProcess, Player]) -> ApiProcess:
    """The API with a worker that plays."""
    return played[0]


@pytest.fixture
def resting(played: tuple[ApiProcess, Player]) -> Iterator[None]:
    """Jobs wait during the test."""
    with played[1].resting():
        yield


@pytest.fixture
def service_url(service: ApiProcess) -> str:
    """Its address."""
    return f"http://127.0.0.1:{service.port}"


@pytest.fixture(params=[False, True], ids=["blocking", "asyncio"])
def call(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param)
