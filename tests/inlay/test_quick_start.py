"""docs/quick-start.md: what can be run is run against the real API; all of it is held against the OpenAPI document.

There is no Swift or Kotlin compiler here: their paths, headers and names are looked up, and Swift's form is sent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from app.main import create_app
from jobs.settings import Settings
from tests.app.pictures import encoded, gradient, opened, picture_png

PAGE = (Path(__file__).parents[2] / "docs" / "quick-start.md").read_text()
LANGUAGES = ("bash", "python", "js", "swift", "kotlin")
OF_HTTP = {"authorization", "content-type", "content-disposition"}  # not described as parameters, but HTTP's own


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return create_app(Settings()).openapi()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the snippets run: it has a photo."""
    (tmp_path / "photo.jpg").write_bytes(encoded(gradient(), "JPEG"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: list[str], service_url: str) -> None:
    environ = {"PATH": os.environ["PATH"], "SERVICE": service_url, "NO_PROXY": "*"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def is_whole(path: Path) -> bool:
    picture = opened(path.read_bytes())
    return (picture.format, picture.size) == ("PNG", gradient().size)


def test_the_commands_run(folder: Path, service_url: str, missing_system_part: Callable[[str], NoReturn]) -> None:
    for program in ("bash", "curl", "jq"):
        if shutil.which(program) is None:
            missing_system_part(program)
    (script,) = code("bash")
    run(["bash", "-euo", "pipefail", "-c", script], service_url)
    assert is_whole(folder / "whole.png")


def test_the_python_runs(folder: Path, service_url: str) -> None:
    script = "".join(code("python")).replace("http://127.0.0.1:8000", service_url)
    assert service_url in script
    run([sys.executable, "-c", script], service_url)
    assert is_whole(folder / "whole.png")


def test_the_javascript_runs(folder: Path, service_url: str, missing_system_part: Callable[[str], NoReturn]) -> None:
    if shutil.which("node") is None:
        missing_system_part("node")
    function, _call_in_a_page = code("js")
    call = f"""
        import {{ readFileSync, writeFileSync }} from "node:fs";
        const whole = await complete({service_url!r}, new Blob([readFileSync("photo.jpg")]), "any");
        writeFileSync("whole.png", Buffer.from(await whole.arrayBuffer()));
    """
    (folder / "quick.mjs").write_text(function + call)
    run(["node", "quick.mjs"], service_url)
    assert is_whole(folder / "whole.png")


def test_the_form_that_swift_writes_is_accepted(service_url: str) -> None:
    """Its string literals, filled in as Swift does."""
    (source,) = code("swift")
    field, image, end = re.findall(r'Data\("(.*)"\.utf8\)', source)

    def filled(literal: str, **values: str) -> bytes:
        text = re.sub(r"\\\((\w+)\)", lambda found: {"boundary": "b0", **values}[found[1]], literal)
        return text.replace(r"\r\n", "\r\n").replace(r"\"", '"').encode()

    pairs = re.findall(r'\("(\w+)", "(\w+)"\)', source)
    form = b"".join(filled(field, name=name, value=value) for name, value in pairs)
    form += filled(image) + picture_png() + filled(end)
    headers = {"Content-Type": "multipart/form-data; boundary=b0"}
    accepted = httpx.post(f"{service_url}/v1/jobs", content=form, headers=headers, trust_env=False)
    assert accepted.status_code == 202, accepted.text
    assert (accepted.json()["task"], accepted.json()["parameters"]["keep"]) == ("complete", "left")


def parts_of(part: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, at any depth."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from parts_of(inner)


def words_of(described: dict[str, Any]) -> set[str]:
    """Every name of a property, and every word that one may be."""
    words: set[str] = set()
    for part in parts_of(described):
        words |= set(part.get("properties", {}))
        words |= {one for one in [*part.get("enum", []), part.get("const")] if isinstance(one, str)}
    return words


def headers_of(described: dict[str, Any]) -> set[str]:
    """Every header of a request or an answer, in lower case."""
    parts = list(parts_of(described["paths"]))
    asked = {part["name"] for part in parts if part.get("in") == "header"}
    return {name.lower() for name in asked.union(*(part.get("headers", {}) for part in parts))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_paths_headers_and_names_are_those_of_the_openapi_document(language: str, described: dict[str, Any]) -> None:
    source = re.sub(r"^(import|from) .*$", "", "".join(code(language)), flags=re.MULTILINE)
    assert set(re.findall(r"/v1[\w/{}]*", source)) == {"/v1/jobs"}
    assert "post" in described["paths"]["/v1/jobs"]
    named = re.findall(r"\b(?:[A-Z][a-z]+-[A-Z][a-z]+|Authorization|retry-after)\b", source)
    headers = {name.lower() for name in named}
    assert {"idempotency-key", "retry-after", "authorization"} <= headers
    assert headers - OF_HTTP <= headers_of(described)
    words = set(re.findall(r"""["']([a-z_]+)["']|-F (\w+)=(\w+)|links\.(\w+)""", source))
    used = {word for found in words for word in found if word}
    assert used >= {"task", "complete", "keep", "left", "succeeded", "failed", "canceled", "self", "result"}
    assert used <= words_of(described)
