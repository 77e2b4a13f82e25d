"""The file of API keys: what is read, and when it changes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from app.key_file import KeyFile, KeyFileUnusable


def line(name: str, key: str) -> str:
    return f"{name}:sha256:{hashlib.sha256(key.encode()).hexdigest()}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text("# who may call\n\n" + line("alice", "a") + "  " + line("bob", "b") + line("alice", "c"))
    return file


def test_keys_lead_to_names_and_one_name_may_have_several(path: Path) -> None:
    keys = KeyFile(path)
    assert [keys.caller_of(key) for key in "abcd"] == ["alice", "bob", "alice", None]
    assert keys.caller_of("") is None
    assert keys.caller_of("\ud800?".encode("utf-8", "replace").decode()) is None


def test_webhook_secrets_stand_beside_keys_and_a_name_may_have_two(path: Path) -> None:
    first, second = (b"a" * 24, b"b" * 64)
    with path.open("a") as file:
        for secret in (first, second):
            file.write(f"alice:webhook:whsec_{base64.b64encode(secret).decode()}\n")
    keys = KeyFile(path)
    assert keys.webhook_secrets_of("alice") == [first, second]
    assert keys.webhook_secrets_of("bob") == []
    assert keys.caller_of("a") == "alice"
    assert keys.caller_of(f"whsec_{base64.b64encode(first).decode()}") is None


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    assert KeyFile(tmp_path / "keys").caller_of("a") is None


@pytest.mark.parametrize(
    "content",
    [
        b"alice:sha256:short",
        b"alice:md5:" + b"0" * 64,
        b"Alice:sha256:" + b"0" * 64,
        b"anonymous:sha256:" + b"0" * 64,
        b":sha256:" + b"0" * 64,
        b"alice",
        b"alice:webhook:whsec_c2hvcnQ=",
        b"alice:webhook:" + b"a" * 32,
        b"alice:webhook:whsec_no-base64-at-all-in-this-line!",
        b"\xff",
    ],
)
def test_what_is_no_key_is_an_error_that_tells_the_line_and_later_changes_nothing(path: Path, content: bytes) -> None:
    keys = KeyFile(path, look_again_s=0)
    path.write_bytes(b"# first\n" + content)
    assert keys.caller_of("a") == "alice"
    with pytest.raises(KeyFileUnusable, match=r"line 2|cannot be read"):
        KeyFile(path)


def test_changes_are_seen_however_they_come(path: Path) -> None:
    keys = KeyFile(path, look_again_s=0)
    with path.open("a") as file:
        file.write(line("carol", "d"))
    assert keys.caller_of("d") == "carol"
    path.with_name("new").write_text(line("dora", "e"))
    path.with_name("new").replace(path)
    assert (keys.caller_of("d"), keys.caller_of("e")) == (None, "dora")
    path.unlink()
    assert keys.caller_of("e") == "dora", "a file that is away for a moment locks nobody out"
    path.write_text("")
    assert keys.caller_of("e") is None


def test_the_file_is_not_looked_at_for_every_request(path: Path) -> None:
    keys = KeyFile(path, look_again_s=3600)
    path.write_text("")
    assert keys.caller_of("a") == "alice"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="cannot be read"):
        KeyFile(tmp_path / "absent")
