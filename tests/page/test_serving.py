"""How the page is served: cached for ever below a digest, under a strict policy, behind any prefix, or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import expect

from app.main import create_app
from app.routes.page import page_router
from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.conftest import VisitTo
from tests.redis_process import RedisProcess

ROOT = Path(__file__).parents[2]
PREFIX = "/deep/inlay/"
SOURCES = sorted(path for path in (ROOT / "app" / "page").rglob("*") if path.is_file())


def client(root_path: str = "", **settings: bool) -> TestClient:
    return TestClient(create_app(Settings.model_validate(settings)), root_path=root_path)


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def test_policy_allows_nothing_from_elsewhere_and_nothing_inline() -> None:
    policy = dict(part.split(" ", 1) for part in client().get("/").headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' blob: data:"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")


def test_page_is_asked_for_again_and_its_files_never() -> None:
    http = client()
    page = http.get("/")
    assert page.headers["cache-control"] == "no-cache"
    assert http.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    script = next(address for address in addresses(page.text) if address.endswith("main.js"))
    file = http.get(script.removeprefix("."))
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-type"].startswith("text/javascript")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert http.get(script.removeprefix("."), headers={"If-None-Match": file.headers["etag"]}).status_code == 304


def test_files_of_another_version_or_outside_are_not_found() -> None:
    http = client()
    script = next(address for address in addresses(http.get("/").text) if address.endswith("main.js"))
    version = script.split("/")[2]
    for path in ("0" * 16 + "/scripts/main.js", f"{version}/index.html", f"{version}/%2e%2e/main.py", f"{version}/"):
        answer = http.get(f"/page/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


@pytest.mark.parametrize("root_path", ["", "/deep/inlay"])
def test_all_addresses_lead_somewhere_behind_a_prefix(root_path: str) -> None:
    http = client(root_path)
    found = addresses(http.get(f"{root_path}/").text)
    assert len(found) > 8
    for address in found:
        assert address.startswith(f"{root_path}/" if root_path else "./")
        assert http.get(address.removeprefix(".")).status_code == 200, address


def test_page_works_behind_a_prefix(visit_to: VisitTo, page_redis: RedisProcess, worker: StandIn) -> None:
    with ApiProcess(root_path="/deep/inlay", redis_url=page_redis.url) as api:
        visit = visit_to(f"http://127.0.0.1:{api.port}/deep/inlay")
        # The proxy: it takes the prefix away before it asks the service.
        visit.page.route(
            "**/deep/inlay/**", lambda route: route.continue_(url=route.request.url.replace(PREFIX, "/", 1))
        )
        page = visit.with_example()
        page.get_by_role("button", name="Paint", exact=True).click()
        page.wait_for_url("**/deep/inlay/#job=*")
        worker.finish(worker.start(page.url.partition("#job=")[2]))
        expect(page.get_by_label("Before and after")).to_be_visible()


def test_page_can_be_switched_off() -> None:
    http = client(page=False)
    for path in ("/", "/page/x/scripts/main.js"):
        assert http.get(path).json()["code"] == "route_not_found"
    assert client().get("/").status_code == 200


def test_every_file_is_served_and_small() -> None:
    assert len(SOURCES) > 20
    assert {path.suffix for path in SOURCES} <= {".css", ".html", ".js", ".png", ".svg"}
    assert page_router().routes
    for path in SOURCES:
        if path.suffix == ".png":
            assert path.stat().st_size <= 20_000
        else:
            assert len(path.read_text().splitlines()) < 200, path


def test_an_installed_wheel_has_the_page(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import setuptools.build_meta as build, sys; print(build.build_wheel(sys.argv[1]))",
    ]
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "app"):
        (source / name).symlink_to(ROOT / name)
    built = subprocess.run([*command, str(tmp_path)], cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {f"app/page/{path.relative_to(ROOT / 'app' / 'page')}" for path in SOURCES} <= packed
