"""What uploads may cost an API process in memory: docs/security.md states the bound, this measures it."""

from __future__ import annotations

import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from pydantic import SecretStr

from jobs.settings import Settings
from tests.app.pictures import encoded, picture_png
from tests.app.service import ROOT, ApiProcess
from tests.app.stand_in import StandIn
from tests.app.test_hostile import peak_bytes
from tests.redis_process import RedisProcess

SIDE_PX, DECODE_THREADS, AT_ONCE = 2048, 2, 12
BYTES_A_PIXEL = 32
BOUND_BYTES = DECODE_THREADS * SIDE_PX * SIDE_PX * BYTES_A_PIXEL
SETTINGS: dict[str, Any] = {
    "max_pixels": SIDE_PX * SIDE_PX,
    "decode_threads": DECODE_THREADS,
    "max_upload_bytes": 2**22,
    "max_decompression_ratio": 10**6,
    "max_queue_bytes": 0,
    "max_inflight_submissions": AT_ONCE,
    "log_level": "error",
}


def heaviest() -> dict[str, bytes]:
    """Files of as many pixels as are allowed that need the most copies: turned round, transparent, with a palette."""
    square = (SIDE_PX, SIDE_PX)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    noise = Image.frombytes("RGB", square, os.urandom(3 * SIDE_PX * SIDE_PX))  # its PNG is as large as its pixels
    return {
        "turned noise": encoded(noise, "JPEG", quality=25, exif=exif),
        "turned CMYK": encoded(Image.new("CMYK", square, (1, 2, 3, 40)), "JPEG", exif=exif),
        "turned and transparent": encoded(Image.new("RGBA", square, (1, 2, 3, 40)), "WEBP", lossless=True, exif=exif),
        "transparent": encoded(Image.new("RGBA", square, (1, 2, 3, 4)), "PNG"),
        "palette": encoded(Image.new("P", square, 3), "PNG", transparency=3),
        "GIF": encoded(Image.new("P", square, 3), "GIF", transparency=3),
    }


def test_the_heaviest_uploads_at_once_stay_within_the_stated_memory() -> None:
    files = heaviest()
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, **SETTINGS) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        first = api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()})
        assert first.status_code == 202
        before = api.rss_bytes

        def send(data: bytes) -> int:
            with httpx.Client(base_url=str(api.client.base_url), timeout=120, trust_env=False) as client:
                answer = client.post("/v1/jobs", data={"task": "complete"}, files={"image": io.BytesIO(data)})
                return answer.status_code

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = {name: list(pool.map(send, [data] * AT_ONCE)) for name, data in files.items()}
        grown = peak_bytes(api) - before
        worker.close()
    assert answers == dict.fromkeys(files, [202] * AT_ONCE)
    assert grown < BOUND_BYTES, f"{grown / 2**20:.0f} MiB"


def test_the_stated_bound_is_the_measured_one() -> None:
    page = (Path(ROOT) / "docs" / "security.md").read_text()
    (stated,) = re.findall(r"under (\d+) bytes for each pixel of `INLAY_MAX_PIXELS`", page)
    assert int(stated) == BYTES_A_PIXEL
