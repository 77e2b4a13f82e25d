"""A command shows its finished picture in a real terminal that can, and nowhere else."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from inlay.cli import app
from tests.app.pictures import opened
from tests.inlay.terminals import KITTY, from_kitty, terminal


def generate(*arguments: object) -> None:
    words = [str(one) for one in arguments]
    app(["generate", "--width", "64", "--height", "64", *words], standalone_mode=False)


def test_a_finished_picture_is_shown_in_a_terminal_that_can(
    service_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vase.png"
    with terminal(monkeypatch, service_url, **KITTY) as written:
        generate("-o", path)
    assert from_kitty(written.getvalue().decode())[1] == path.read_bytes()
    assert written.getvalue().decode().splitlines()[-1] == str(path)


def test_a_webp_is_shown_as_the_png_that_kitty_asks_for(
    service_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch, service_url, **KITTY) as written:
        generate("--format", "webp", "-o", tmp_path / "vase.webp")
    shown = opened(from_kitty(written.getvalue().decode())[1])
    assert shown.format == "PNG"
    assert shown.tobytes() == opened((tmp_path / "vase.webp").read_bytes()).tobytes()


@pytest.mark.parametrize(
    ("options", "environ"),
    [(["--no-show"], {}), (["--quiet"], {}), (["--json"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
)
def test_nothing_is_shown_where_it_is_not_wanted(
    service_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], environ: dict[str, str]
) -> None:
    with terminal(monkeypatch, service_url, **(KITTY | environ)) as written:
        generate("-o", tmp_path / "vase.png", *options)
    assert written.getvalue()
    assert b"\x1b" not in written.getvalue()


def test_a_pipe_gets_the_path_alone(service_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, service_url, **KITTY), redirect_stdout(io.StringIO()) as piped:
        generate("-o", tmp_path / "vase.png")
    assert piped.getvalue() == f"{tmp_path / 'vase.png'}\n"
