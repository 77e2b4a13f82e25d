"""What faults are made with: a cut network is silent, and a disk without power has what was synced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.chaos.disk import Disk, can_be_mounted
from tests.chaos.network import Namespaces, can_be_made

ASK = "import redis, sys; redis.Redis.from_url(sys.argv[1], socket_timeout=0.5, socket_connect_timeout=0.5).ping()"


@pytest.fixture
def disk(tmp_path: Path, missing_system_part: Callable[[str], NoReturn]) -> Disk:
    if not can_be_mounted(tmp_path):
        missing_system_part("the right to mount a disk (root)")
    return Disk(tmp_path)


def test_a_host_that_is_cut_off_hears_nothing_and_others_go_on(missing_system_part: Callable[[str], NoReturn]) -> None:
    if not can_be_made():
        missing_system_part("the right to make network namespaces (root)")
    with Namespaces() as network:
        one, two = network.hosts
        assert asked(one.within, one.redis_url) == ""
        network.cut(0)
        assert "TimeoutError" in asked(one.within, one.redis_url)
        assert asked(two.within, two.redis_url) == ""
        network.mend(0)
        assert asked(one.within, one.redis_url) == ""
        assert f"inlay-{os.getpid()}-one" in namespaces()
    assert f"inlay-{os.getpid()}-" not in namespaces()


def test_a_disk_without_power_has_what_was_synced_and_no_more(disk: Disk) -> None:
    with disk:
        synced, written = disk.folder / "synced", disk.folder / "written"
        with synced.open("wb", buffering=0) as file:
            file.write(b"x" * 1000)
            os.fsync(file.fileno())
        with written.open("wb", buffering=0) as file:
            file.write(b"x" * 1000)
        disk.cut_power()
        with pytest.raises(OSError, match="Input/output error"):
            written.write_bytes(b"y")
        disk.restore()
        assert synced.read_bytes() == b"x" * 1000
        assert not written.exists() or written.read_bytes() == b""


def test_a_full_disk_takes_nothing_until_there_is_room(disk: Disk) -> None:
    with disk:
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"x" * 8192)
        disk.free()
        (disk.folder / "more").write_bytes(b"x" * 8192)


def asked(host: Sequence[str], url: str) -> str:
    """What Redis's client on that host says at last; nothing if it was answered."""
    done = subprocess.run([*host, sys.executable, "-c", ASK, url], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


def namespaces() -> str:
    return subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
