"""The gateway of docker-compose.yml, a real nginx, in front of two real API processes."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from pydantic import SecretStr

from deploy.loadtest.gateway import CONFIG, Gateway, find_nginx
from jobs.settings import Settings
from tests.app.pictures import picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.deploy.counting import Counting
from tests.redis_process import RedisProcess


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="module")
def apis(redis: RedisProcess) -> Iterator[list[ApiProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ApiProcess(redis_url=redis.url, max_upload_bytes=2**20)) for _ in range(2)]


@pytest.fixture
def nginx(missing_system_part: Callable[[str], NoReturn]) -> str:
    """The program, which must be there."""
    return find_nginx() or missing_system_part("nginx: apt-get install nginx-light")


@pytest.fixture
def gateway(apis: list[ApiProcess], tmp_path: Path, nginx: str) -> Iterator[httpx.Client]:
    """Nginx by the very file, but for what Docker's DNS would tell and the port."""
    with (
        Gateway([str(api.client.base_url) for api in apis], tmp_path) as running,
        httpx.Client(base_url=running.url, timeout=60, trust_env=False) as client,
    ):
        yield client


def test_a_job_is_submitted_and_followed_as_it_happens(redis: RedisProcess, gateway: httpx.Client) -> None:
    worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
    worker.appear()
    files = {"image": ("x.png", picture_png(), "image/png")}
    job_id = gateway.post("/v1/jobs", files=files, data={"task": "complete", "keep": "left"}).json()["id"]
    with gateway.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: queued"
        record = worker.start(job_id)
        assert next(line for line in lines if line.startswith("event:")) == "event: started", "nothing is held back"
        worker.finish(record)
        assert next(line for line in lines if line.startswith("event:")) == "event: succeeded"
    worker.close()


def test_what_is_too_large_is_refused_by_the_api_with_a_problem(gateway: httpx.Client) -> None:
    answer = gateway.post("/v1/jobs", content=bytes(8 * 2**20), headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code in {413, 415}
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_replica_answers_and_one_that_is_gone_is_passed_over(
    apis: list[ApiProcess], gateway: httpx.Client
) -> None:
    seen = Counter(answering(gateway, apis) for _ in range(8))
    assert set(seen) == {0, 1}
    apis[1].stop()
    assert [gateway.get("/healthz").status_code for _ in range(8)] == [200] * 8


def test_requests_share_connections_to_the_api(tmp_path: Path, nginx: str) -> None:
    with Counting() as api, Gateway([api.url], tmp_path) as running, httpx.Client(trust_env=False) as client:
        assert [client.get(running.url).status_code for _ in range(20)] == [200] * 20
        client.post(running.url, content=b"x" * 100_000)
        assert 1 <= api.connections <= 2, "one for each of nginx's processes"


def test_the_gateway_closes_waiting_connections_before_the_api_does(apis: list[ApiProcess]) -> None:
    (told_s,) = re.findall(r"keepalive_timeout (\d+)s;", CONFIG.read_text())
    with socket.create_connection(("127.0.0.1", apis[0].port), timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        while connection.recv(2**16):
            pass
        assert time.monotonic() - began > int(told_s)


def answering(gateway: httpx.Client, apis: list[ApiProcess]) -> int:
    """Which of the replicas answers a request: the one whose counter moves."""
    before = [requests(api) for api in apis]
    assert gateway.get("/v1/limits").status_code == 200
    moved = [requests(api) - count for api, count in zip(apis, before, strict=True)]
    return moved.index(1.0)


def requests(api: ApiProcess) -> float:
    text = api.client.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("inlay_http_request_duration_seconds_count")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'route="/v1/limits"' in line)
