from __future__ import annotations

import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

from inlay.redis_server import RedisNotInstalled, find_redis_server, redis_answers, redis_command, socket_path
from tests.redis_process import RedisProcess


def test_the_bundled_server_is_found() -> None:
    assert find_redis_server().name == "redis-server"


def test_without_the_package_the_path_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisNotInstalled, match=r"inlay\[embedded\]"):
        find_redis_server()
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    assert find_redis_server() == server


def test_the_server_has_no_tcp_port_and_only_its_user_may_connect(redis_server: RedisProcess) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("maxmemory") == {"maxmemory": str(2**30)}
    assert stat.S_IMODE(redis_server.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(redis_server.folder.stat().st_mode) == 0o700


def test_what_was_accepted_survives_a_stop_and_a_start(durable_redis_server: RedisProcess) -> None:
    with redis.Redis.from_url(durable_redis_server.url) as client:
        client.set("job", "accepted")
    durable_redis_server.restart()
    with redis.Redis.from_url(durable_redis_server.url) as client:
        assert client.get("job") == b"accepted"


def test_an_absent_server_does_not_answer(tmp_path: Path) -> None:
    assert not redis_answers(tmp_path / "redis.sock")


def test_a_long_folder_name_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    assert socket_path(tmp_path).parent == tmp_path
    deep = tmp_path / ("x" * 100)
    elsewhere = socket_path(deep)
    assert elsewhere.parent != deep
    assert stat.S_IMODE(elsewhere.parent.stat().st_mode) == 0o700
    elsewhere.parent.rmdir()
    assert str(elsewhere) in redis_command(deep, elsewhere)


@pytest.mark.parametrize("name", ["my data", "%#?=ü"])
def test_a_folder_of_any_name_keeps_what_clients_reach_by_an_address_of_plain_characters(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    socket = socket_path(folder)
    with subprocess.Popen(redis_command(folder, socket), stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 20
            while not redis_answers(socket):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            with redis.Redis.from_url(f"unix://{socket}?db=0") as client:
                assert client.client_info()["addr"].startswith(str(socket))  # RQ asks for it at its start
                client.set("job", "accepted")
        finally:
            server.terminate()
    assert list(folder.glob("appendonly*"))
    shutil.rmtree(socket.parent)


def test_a_temporary_folder_that_is_called_oddly_itself_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "my folder"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    socket = socket_path(odd)
    assert odd not in socket.parents
    socket.parent.rmdir()
