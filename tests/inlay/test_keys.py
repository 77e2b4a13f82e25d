"""`inlay keys` and a client that sends what it made."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inlay import AsyncClient, Client, NotFound, Unauthorized
from inlay.cli import app
from inlay.terminal import ExitStatus
from tests.app.keyed import KeyedService


def keys_new(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["keys", "new", *map(str, arguments)])


def keys_webhook(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["keys", "webhook", *map(str, arguments)])


def test_a_new_key_is_printed_with_the_line_that_holds_its_hash() -> None:
    key, line = keys_new("alice").stdout.split()
    assert key.startswith("inlay_")
    assert len(key) >= 40
    assert line == f"alice:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    assert keys_new("alice").stdout.split()[0] != key


@pytest.mark.parametrize("before", [None, "", "# keys\n", "# keys"])
def test_the_line_is_added_to_the_file_and_the_key_is_not(tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "folder" / "keys"
    if before is not None:
        file.parent.mkdir()
        file.write_text(before)
    made = keys_new("bob", "--file", file)
    key = made.stdout.strip()
    lines = file.read_text().splitlines()
    assert lines[-1] == f"bob:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    assert lines[:-1] == (before or "").splitlines()
    assert file.read_text().endswith("\n")


def test_a_webhook_secret_is_printed_with_its_line_or_added_to_the_file(tmp_path: Path) -> None:
    secret, line = keys_webhook("alice").stdout.split()
    assert line == f"alice:webhook:{secret}"
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    file = tmp_path / "keys"
    first, second = (keys_webhook("alice", "--file", file).stdout.strip() for _ in range(2))
    assert first != second
    assert file.read_text().splitlines() == [f"alice:webhook:{first}", f"alice:webhook:{second}"]
    assert keys_webhook("Alice").exit_code == ExitStatus.USAGE


@pytest.mark.parametrize(("before", "after"), [(None, 0o600), (0o644, 0o600), (0o640, 0o600), (0o400, 0o400)])
def test_a_file_with_a_secret_in_it_is_its_owners_alone(tmp_path: Path, before: int | None, after: int) -> None:
    file = tmp_path / "keys"
    if before is not None:
        file.touch()
        file.chmod(before)
    keys_webhook("bob", "--file", file)
    assert stat.S_IMODE(file.stat().st_mode) == after


def test_a_file_of_hashes_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch()
    file.chmod(0o644)
    keys_new("bob", "--file", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_keys_and_secrets_are_told_as_json(tmp_path: Path) -> None:
    made = json.loads(keys_new("alice", "--json").stdout)
    assert made["line"] == f"alice:sha256:{hashlib.sha256(made['key'].encode()).hexdigest()}"
    assert (made["name"], made["file"]) == ("alice", None)
    file = tmp_path / "keys"
    secret = json.loads(keys_webhook("alice", "--file", file, "--json").stdout)
    assert file.read_text() == f"alice:webhook:{secret['secret']}\n" == secret["line"] + "\n"
    assert secret["file"] == str(file)
    refused = keys_new("alice", "--file", file / "below", "--json")
    assert refused.exit_code == ExitStatus.FAILURE
    assert json.loads(refused.stdout)["error"]["kind"] == "FileExistsError"


@pytest.mark.parametrize("name", ["", "Alice", "a b", "a:b", "-a", "x" * 65, "anonymous", "ä"])
def test_names_that_the_service_would_not_read_are_wrong_usage(name: str) -> None:
    assert keys_new("--", name).exit_code == ExitStatus.USAGE


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = keys_new("alice", "--file", tmp_path / "file" / "keys")
    assert made.exit_code == ExitStatus.FAILURE
    assert made.stdout == "", "a key whose hash is nowhere is of no use"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    with KeyedService(tmp_path_factory.mktemp("keys") / "keys", ("alice", "bob")) as service:
        yield service


def test_clients_use_their_key_and_see_their_own_jobs_only(
    keyed: KeyedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(keyed.apis[0].client.base_url)
    monkeypatch.delenv("INLAY_API_KEY", raising=False)
    with Client(url) as nobody, pytest.raises(Unauthorized):
        nobody.limits()
    with Client(url, api_key=keyed.keys["alice"]) as alice:
        made = [alice.generate(prompt="a vase", idempotency_key=f"order-{number}").id for number in range(5)]
        assert alice.generate(prompt="a vase", idempotency_key="order-4").id == made[4]
        assert [job.id for job in alice.jobs(page_size=2)] == made[::-1]
        alice.cancel(made[2])
        assert [job.id for job in alice.jobs(state="canceled")] == [made[2]]
    monkeypatch.setenv("INLAY_API_KEY", keyed.keys["bob"])
    asyncio.run(sees_nothing(url, made[0]))


async def sees_nothing(url: str, foreign: str) -> None:
    async with AsyncClient(url) as bob:
        assert [job async for job in bob.jobs()] == []
        with pytest.raises(NotFound):
            await bob.get(foreign)


def test_commands_take_the_key_from_the_environment(keyed: KeyedService) -> None:
    environ: dict[str, str | None] = {"INLAY_URL": str(keyed.apis[0].client.base_url)}
    arguments = ["generate", "--prompt", "a vase", "--no-wait"]
    assert CliRunner().invoke(app, arguments, env=environ | {"INLAY_API_KEY": None}).exit_code == ExitStatus.REFUSED
    environ["INLAY_API_KEY"] = keyed.keys["alice"]
    assert CliRunner().invoke(app, arguments, env=environ).exit_code == ExitStatus.SUCCESS
