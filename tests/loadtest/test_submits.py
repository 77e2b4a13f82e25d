"""Uploads leave on time whatever is answered, over a real socket to a real API; the whole is tried in the slow test."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image
from pydantic import SecretStr

from deploy.loadtest.gateway import CONFIG, adapted, find_nginx
from deploy.loadtest.submits import WARM_UP, Submission, figures, main, offer, parse
from deploy.loadtest.upload import PICTURES, UPLOAD_BYTES, request
from deploy.loadtest.wire import Connections
from jobs.settings import Settings
from tests.app.keyed import new_key
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


@pytest.fixture
def worker(redis_server: RedisProcess) -> Iterator[StandIn]:
    standing = StandIn(Settings(redis_url=SecretStr(redis_server.url)))
    standing.appear()
    yield standing
    standing.close()


@pytest.mark.parametrize("name", PICTURES)
def test_an_upload_has_a_hundred_kilobytes(name: str) -> None:
    encoded = PICTURES[name]()
    assert 0.95 * UPLOAD_BYTES < len(encoded) < 1.02 * UPLOAD_BYTES
    assert Image.open(io.BytesIO(encoded)).format == name.upper()


def test_uploads_reach_the_service_each_once_and_are_counted(
    tmp_path: Path, redis_server: RedisProcess, worker: StandIn
) -> None:
    keys, most = tmp_path / "keys", WARM_UP + 6
    key = new_key("alone", keys)
    with ApiProcess(redis_url=redis_server.url, api_keys_file=keys, rate_limit_jobs=most) as api:
        url = str(api.client.base_url)
        told = figures(asyncio.run(offer([url], [request(url, key, "png", 1)], [0.02 * number for number in range(8)])))
    assert (told["offered"], told["accepted"], told["refused"], told["errors"], told["doubled"]) == (8, 6, 2, 0, 0)
    assert len(worker.store.active_ids()) == most
    assert 0 < told["submit_p50_s"] <= told["submit_p99_s"]


def test_a_late_answer_holds_no_other_request_back_and_is_not_waited_for_without_end() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(4):
            await asyncio.sleep(0.5)
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")

    async def ask() -> float:
        async with await asyncio.start_server(slowly, "127.0.0.1", 0) as server:
            line = Connections(*server.sockets[0].getsockname())
            began = time.monotonic()
            answers = await asyncio.gather(*(line.send(b"ask!", 10.0) for _ in range(3)))
            assert {(answer.status, answer.body) for answer in answers} == {(202, b"{}")}
            took_s = time.monotonic() - began
            with pytest.raises(TimeoutError):
                await line.send(b"ask!", 0.05)
            line.close()
            for writer in writers:
                writer.transport.abort()
            return took_s

    assert asyncio.run(ask()) < 3 * 0.5


def test_figures_tell_refusals_errors_and_answers_that_name_one_job_twice() -> None:
    good = Submission(at_s=1.0, lag_s=0.001, submit_s=0.02, status=202, job_id="a")
    others = [Submission(1.5, 0.0, 0.01, 429), Submission(1.6, 0.0, 30.0, 0), Submission(1.7, 0.0, 0.3, 500)]
    told = figures([good, good, *others])
    assert (told["accepted"], told["refused"], told["errors"], told["doubled"]) == (2, 1, 2, 1)
    assert told["submit_p99_s"] == 0.02


def test_the_gateways_file_is_the_delivered_one(tmp_path: Path) -> None:
    text = adapted(CONFIG.read_text(), ["http://127.0.0.1:1", "http://127.0.0.1:2"], 3, tmp_path)
    assert "server 127.0.0.1:1; server 127.0.0.1:2;" in text
    assert "listen 127.0.0.1:3;" in text
    with pytest.raises(ValueError, match="resolver"):
        adapted("events {}", [], 3, tmp_path)


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--rate", "5000", "--seconds", "60"], ["--apis", "0"]])
def test_what_has_no_bounds_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2


@pytest.mark.slow
def test_a_service_of_its_own_takes_uploads_behind_its_gateway(
    tmp_path: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    if find_nginx() is None:
        missing_system_part("nginx: apt-get install nginx-light")
    path = tmp_path / "rows.json"
    assert main(["--rate", "5", "--seconds", "3", "--json", str(path)]) in {0, 1}, "slow machines are no error"
    told = json.loads(path.read_text())["figures"]
    assert told["accepted"] == told["offered"] > 3
