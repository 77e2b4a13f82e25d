"""Jobs whose events are followed beside a test."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

from jobs.record import JobRecord
from tests.app.service import ApiProcess
from tests.app.sse import Told, events_in
from tests.app.stand_in import StandIn

HEARTBEAT_S, COMMENT = 15.0, ": the job goes on"
WHOLE_LIFE = ["queued", "started", "progress 1", "progress 2", "progress 3", "succeeded"]


def submit(http: httpx.Client, **parameters: object) -> dict[str, Any]:
    answer = http.post("/v1/jobs", json={"task": "generate", "steps": 3, **parameters})
    assert answer.status_code == 202
    job: dict[str, Any] = answer.json()
    return job


def run(worker: StandIn, job_id: str, pause_s: float = 0.0) -> JobRecord:
    record = worker.start(job_id)
    for step in (1, 2, 3):
        time.sleep(pause_s)
        worker.report(record, step, eta_s=1.5)
    worker.finish(record)
    return record


class Listener(threading.Thread):
    """Follows a job beside the test, and keeps what it is told."""

    def __init__(self, api: ApiProcess, path: str, **options: Any) -> None:
        super().__init__()
        self.api, self.path, self.options = api, path, options
        self.lines: list[str] = []
        self.times: list[float] = []
        self.start()
        self.hears("retry: 1000")

    def run(self) -> None:
        url = f"http://127.0.0.1:{self.api.port}{self.path}"
        with httpx.Client(trust_env=False, timeout=60) as client, client.stream("GET", url, **self.options) as response:
            for line in response.iter_lines():
                self.times.append(time.monotonic())
                self.lines.append(line)

    def hears(self, line: str, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while line not in self.lines:
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.01)

    @property
    def events(self) -> list[Told]:
        return list(events_in(self.lines))
