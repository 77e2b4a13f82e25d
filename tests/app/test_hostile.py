"""Hundreds of malformed uploads: each gets a 4xx problem, and the service stays up, small and usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.problem_types import CATALOGUE
from jobs.settings import Settings
from tests.app import hostile
from tests.app.pictures import picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

MAX_GROWTH_BYTES = 160 * 2**20


@pytest.fixture
def besieged() -> Iterator[tuple[ApiProcess, StandIn]]:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, max_upload_bytes=2**21, log_level="error") as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        yield api, worker
        worker.close()


def test_malformed_uploads_are_refused_and_the_service_stays_up(besieged: tuple[ApiProcess, StandIn]) -> None:
    api, worker = besieged
    sent = api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
    assert sent.status_code == 202
    before, wrong, accepted = api.rss_bytes, [], 1
    codes: Counter[str] = Counter()
    definite = 0
    for request in hostile.corpus():
        response = api.client.post("/v1/jobs", content=request.body, headers=request.headers)
        definite += request.definite
        if response.status_code == 202 and not request.definite:
            accepted += 1
            continue
        is_problem = response.headers.get("content-type") == "application/problem+json"
        code = response.json().get("code") if is_problem else None
        codes[str(code)] += 1
        if not 400 <= response.status_code < 500 or code not in CATALOGUE:
            wrong.append((request.name, response.status_code, response.text[:200]))
    assert wrong == []
    assert definite >= 400
    assert len(codes) >= 20, codes
    assert api.client.get("/healthz").status_code == 200
    assert api.client.get("/readyz").status_code == 200
    assert api.rss_bytes - before < MAX_GROWTH_BYTES
    assert worker.queue.depth() == accepted
    assert len(worker.redis.keys("inlay:job:*")) == accepted
    assert len(worker.redis.keys("inlay:blob:*")) == accepted
