"""The API with its pictures outside Redis: in S3, and in a folder that goes away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from inlay import Client
from jobs.settings import Settings
from tests.app.answers import problem, submit_complete
from tests.app.pictures import picture_png
from tests.app.service import ROOT, ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess
from tests.s3_server import S3Server


@contextmanager
def service(blobs_url: str, **settings: int) -> Iterator[tuple[ApiProcess, StandIn]]:
    """An API process and the worker's stand-in on a Redis of their own, with the same place for pictures."""
    with RedisProcess() as redis, ApiProcess("", redis_url=redis.url, blobs_url=blobs_url, **settings) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url), blobs_url=blobs_url))
        worker.appear()
        yield api, worker
        worker.close()


def test_pictures_go_through_s3_and_clients_are_sent_there() -> None:
    with S3Server() as s3, service(s3.url, presigned_ttl_s=60) as (api, worker):
        assert api.client.get("/readyz").status_code == 200
        job = submit_complete(api.client)
        assert s3.names() == [f"pictures/{job['id']}/image"]
        assert worker.redis.keys("inlay:blob:*") == []
        (picture,) = worker.finish(worker.start(job["id"]))

        answer = api.client.get(job["links"]["result"])
        assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (303, b"", "no-store")
        elsewhere = httpx.URL(answer.headers["location"])
        assert (str(elsewhere).partition("?")[0], elsewhere.params["X-Amz-Expires"]) == (
            f"{s3.address}/inlay-test/pictures/{job['id']}/result-0",
            "60",
        )
        fetched = httpx.get(elsewhere, trust_env=False)
        assert (fetched.content, fetched.headers["content-type"]) == (picture, "image/png")
        assert f'filename="inlay-{job["id"][:12]}-0.png"' in fetched.headers["content-disposition"]
        with Client(str(api.client.base_url)) as client:
            assert client.result(job["id"]) == picture
        for path in ("result", "result/0"):
            handed_on = api.client.get(f"{job['links']['self']}/{path}?direct=true")
            assert (handed_on.status_code, handed_on.content) == (200, picture)

        assert api.client.delete(job["links"]["self"]).status_code == 204
        assert s3.names() == []
        s3.stop()
        assert problem(api.client.get("/readyz"), 503, "storage_unavailable")["retryable"]
        s3.start()
        assert api.client.get("/readyz").status_code == 200


def test_folder_that_is_away_refuses_pictures_and_accepts_nothing_by_halves(tmp_path: Path) -> None:
    folder, away = tmp_path / "pictures", tmp_path / "unmounted"
    with service(f"file://{folder}", presigned_ttl_s=60) as (api, worker):
        job = submit_complete(api.client)
        assert (folder / job["id"] / "image").is_file()
        (picture,) = worker.finish(worker.start(job["id"]))
        streamed = api.client.get(job["links"]["result"])
        assert (streamed.content, streamed.headers["content-type"]) == (picture, "image/png"), "no address to send to"

        before = set(worker.redis.keys("*"))
        folder.rename(away)
        calls: list[Callable[[], httpx.Response]] = [
            lambda: api.client.get("/readyz"),
            lambda: api.client.get(job["links"]["result"]),
            lambda: api.client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()}),
        ]
        for call in calls:
            refused = call()
            assert problem(refused, 503, "storage_unavailable")["retryable"]
            assert int(refused.headers["retry-after"]) > 0
        assert set(worker.redis.keys("*")) == before
        assert worker.queue.depth() == 0
        assert not folder.exists()
        assert api.client.get(job["links"]["self"]).json()["state"] == "succeeded"

        away.rename(folder)
        assert submit_complete(api.client)["state"] == "queued"
        shutil.rmtree(folder / job["id"])
        problem(api.client.get(job["links"]["result"]), 410, "result_expired")


def test_canceled_job_leaves_no_upload_in_the_folder(tmp_path: Path) -> None:
    with service(f"file://{tmp_path}") as (api, _):
        job = submit_complete(api.client)
        assert api.client.post(job["links"]["cancel"]).status_code == 200
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("process", ["app", "worker"])
def test_processes_without_a_place_for_pictures_say_so_and_end(process: str) -> None:
    environ = {"INLAY_BLOBS_URL": "memory://pictures", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-m", process], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 78
    assert "one process only" in ended.stdout + ended.stderr
