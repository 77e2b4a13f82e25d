"""The service works as the one Redis user of deploy/redis, also over TLS, and that user may do nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import httpx
import pytest
from pydantic import SecretStr
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError  # noqa: A004

from jobs.connect import connect
from jobs.settings import Settings
from jobs.workers import WorkerRegistry
from tests.app.pictures import encoded, gradient
from tests.app.service import ApiProcess
from tests.deploy.redis_with_users import PASSWORD, ROOT, USERS, RedisWithUsers, server_with_tls
from tests.redis_process import RedisProcess

PATIENCE_S = 180.0
OTHER_NAMES = {"delete": "del", "call": ""}
"""Methods of the client that are named unlike their command, or are none."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisWithUsers]:
    with RedisWithUsers() as process:
        yield process


def settings_for(server: RedisWithUsers) -> Settings:
    return Settings(redis_url=SecretStr(server.url), redis_password_file=server.password_file)


def allowed() -> set[str]:
    return {rule[1:] for rule in USERS.read_text().split() if rule.startswith("+")}


def named(pattern: str) -> set[str]:
    """What a pattern finds in the rooms that talk to Redis."""
    sources = [path.read_text() for room in ("jobs", "app", "worker") for path in (ROOT / room).rglob("*.py")]
    return {found.lower() for source in sources for found in re.findall(pattern, source)}


def test_every_command_that_the_service_names_is_allowed(redis_server: RedisProcess) -> None:
    scripted = named(r"redis\.p?call\('([A-Za-z]+)'")
    called = named(r"\b(?:_?redis|pipe|pipeline|connection)\.([a-z_]+)\(")
    with connect(Settings(redis_url=SecretStr(redis_server.url))) as client:
        commands = {str(name) for name in client.command()}
    plain = {OTHER_NAMES.get(name, name) for name in called} & commands
    assert {"hgetall", "lrange", "zrange"} <= plain
    assert {"xadd", "zadd", "hset"} <= scripted
    assert plain | scripted <= allowed()


def test_nothing_dangerous_is_allowed() -> None:
    dangerous = {"keys", "scan", "flushall", "flushdb", "config", "debug", "shutdown", "module", "acl", "monitor"}
    assert not dangerous & allowed()
    assert not any(rule.startswith(("@", "script|flush", "client|kill")) for rule in allowed())
    assert " -@all " in USERS.read_text()


def test_user_may_touch_only_our_keys_and_commands(server: RedisWithUsers) -> None:
    with server.client() as client:
        client.set("inlay:anything", "x")
        for refused in (
            lambda: client.set("foreign", "x"),
            lambda: client.get("inlay"),
            lambda: client.eval("return redis.call('GET', KEYS[1])", 1, "foreign"),
            client.flushall,
            client.keys,
            client.config_get,
            lambda: client.publish("rq:pubsub:any", "x"),
        ):
            with pytest.raises(NoPermissionError):
                refused()


def test_nobody_else_is_let_in(server: RedisWithUsers) -> None:
    anonymous = f"redis://127.0.0.1:{server.port}/0"
    for url, password in ((server.url, "wrong"), (anonymous, PASSWORD), (anonymous, "")):
        with server.client(url, password) as client, pytest.raises(AuthenticationError):
            client.ping()
    with server.client(anonymous.replace("redis://", "redis://default@")) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_password_comes_from_a_file_and_one_in_the_address_goes_first(server: RedisWithUsers) -> None:
    settings = settings_for(server)
    with connect(settings) as client:
        assert client.ping()
    wrong = server.url.replace("inlay@", "inlay:wrong@")
    with (
        connect(settings.model_copy(update={"redis_url": SecretStr(wrong)})) as client,
        pytest.raises(AuthenticationError),
    ):
        client.ping()


def test_a_whole_job_over_tls_as_the_one_user(missing_system_part: Callable[[str], NoReturn]) -> None:
    debian = server_with_tls()
    if debian is None:
        missing_system_part("a Redis server with TLS: apt-get install redis-server")
    with RedisWithUsers(tls=True, server=debian) as server:
        api = ApiProcess(redis_url=server.url, redis_password_file=server.password_file)
        with api, running_worker(server):
            run_a_job(api.client)
        assert "NOPERM" not in server.log.read_text()


def test_a_server_that_nobody_vouches_for_is_refused(missing_system_part: Callable[[str], NoReturn]) -> None:
    debian = server_with_tls()
    if debian is None:
        missing_system_part("a Redis server with TLS: apt-get install redis-server")
    with RedisWithUsers(tls=True, server=debian) as server:
        unknown = server.url.partition("?")[0]
        elsewhere = server.url.replace("localhost", "127.0.0.1")
        plain = unknown.replace("rediss://", "redis://")
        for url in (unknown, elsewhere, plain):
            with server.client(url) as client, pytest.raises(ConnectionError):
                client.ping()


@contextmanager
def running_worker(server: RedisWithUsers) -> Iterator[None]:
    """`python -m worker` on the embedded model, from ready until killed."""
    settings = settings_for(server)
    environ = {
        "INLAY_REDIS_URL": server.url,
        "INLAY_REDIS_PASSWORD_FILE": str(server.password_file),
        "INLAY_MAX_BATCH": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "worker"], cwd=ROOT, env=os.environ | environ)
    try:
        deadline = time.monotonic() + PATIENCE_S
        with connect(settings) as client:
            while not WorkerRegistry(client).ready():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait(timeout=30)


def run_a_job(client: httpx.Client) -> None:
    """Submit, replay, follow, fetch; cancel and delete another."""
    picture = {"image": ("x.png", encoded(gradient(64, 64)), "image/png")}
    data = {"task": "complete", "keep": "left", "steps": "2", "inner_steps": "1"}
    headers = {"Idempotency-Key": "the-same"}
    answers = [client.post("/v1/jobs", files=picture, data=data, headers=headers) for _ in range(2)]
    assert answers[0].status_code == 202, answers[0].text
    job_id = answers[0].json()["id"]
    assert answers[1].json()["id"] == job_id
    events = client.get(f"/v1/jobs/{job_id}/events?previews=true").text
    assert "event: succeeded" in events
    assert client.get(f"/v1/jobs/{job_id}/result").content.startswith(b"\x89PNG")
    assert client.get("/readyz").status_code == 200
    assert "inlay_redis_up 1.0" in client.get("/metrics").text
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == [job_id]
    other = client.post("/v1/jobs", files=picture, data=data | {"steps": "100", "priority": "high"}).json()["id"]
    assert client.post(f"/v1/jobs/{other}/cancel").status_code in {200, 202}
    assert client.delete(f"/v1/jobs/{other}").status_code in {200, 202, 204}
    assert client.delete(f"/v1/jobs/{job_id}").status_code in {200, 202, 204}
