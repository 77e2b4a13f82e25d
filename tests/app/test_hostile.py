"""Hundreds of malformed uploads: none gets a 5xx, and the service stays up, small and usable."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from app.problem_types import CATALOGUE
from jobs.connect import text
from jobs.settings import Settings
from tests.app import hostile
from tests.app.hostile import mutations
from tests.app.hostile.requests import Hostile
from tests.app.pictures import picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

MAX_PEAK_GROWTH_BYTES = 96 * 2**20
"""What the process may hold at any moment, above what it held after its first upload. Files have 2 MiB at most here,
pictures 4 million pixels; of those two may be decoded at once."""
SETTINGS: dict[str, Any] = {
    "max_upload_bytes": 2**21,
    "max_pixels": 2**22,
    "max_queue_depth": 10**6,
    "log_level": "error",
}

Besieged = tuple[ApiProcess, StandIn]


@pytest.fixture
def besieged() -> Iterator[Besieged]:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, **SETTINGS) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        yield api, worker
        worker.close()


def peak_bytes(api: ApiProcess) -> int:
    """The most resident memory that the process has ever had (`VmHWM` of proc(5))."""
    lines = Path(f"/proc/{api.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def withstands(besieged: Besieged, requests: Iterable[Hostile]) -> tuple[Counter[str], int]:
    """Sends them all; returns the codes of the refusals, and how many were accepted."""
    api, worker = besieged
    sent = api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
    assert sent.status_code == 202
    before, wrong, accepted, codes = api.rss_bytes, [], 0, Counter[str]()
    for request in requests:
        response = api.client.post("/v1/jobs", content=request.body, headers=request.headers)
        if response.status_code == 202 and not request.definite:
            accepted += 1
            continue
        is_problem = response.headers.get("content-type") == "application/problem+json"
        code = response.json().get("code") if is_problem else None
        codes[str(code)] += 1
        if not 400 <= response.status_code < 500 or code not in CATALOGUE:
            wrong.append((request.name, response.status_code, response.text[:200]))
    assert wrong == []
    assert peak_bytes(api) - before < MAX_PEAK_GROWTH_BYTES
    assert api.client.get("/healthz").status_code == 200
    assert api.client.get("/readyz").status_code == 200
    assert worker.queue.depth() == accepted + 1
    assert len(worker.redis.keys("inlay:job:*")) == accepted + 1, "what was refused has left nothing"
    return codes, accepted


def test_malformed_uploads_are_refused_and_the_service_stays_up(besieged: Besieged) -> None:
    corpus = list(hostile.corpus())
    assert sum(request.definite for request in corpus) >= 400
    codes, accepted = withstands(besieged, corpus)
    assert len(codes) >= 20, codes
    assert len(besieged[1].redis.keys("inlay:blob:*")) == accepted + 1


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 200), *(pytest.param(seed, 1000, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_damaged_files_are_refused_or_become_clean_pictures(besieged: Besieged, seed: int, count: int) -> None:
    codes, accepted = withstands(besieged, mutations.requests(seed, count))
    assert count // 20 < accepted < count
    assert {"image_corrupt", "image_truncated", "trailing_data", "unsupported_image_type"} <= set(codes), codes
    worker = besieged[1]
    for key in worker.redis.keys("inlay:blob:*"):
        picture = Image.open(io.BytesIO(worker.blobs.get(text(key)).data), formats=["PNG"])
        picture.load()
        assert picture.mode in {"RGB", "L"}
        assert picture.info == {}, "no metadata of the upload is kept"
