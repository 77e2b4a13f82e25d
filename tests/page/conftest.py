"""One browser for each file of the page's tests and one service for all; each test has a page with empty storage."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from pydantic import SecretStr

from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.browser import DESKTOP_PX, INSTALL, PHONE_PX, WAIT_MS, Visit, chromium_path, launch
from tests.page.commands import RunCommand, run
from tests.redis_process import RedisProcess


@pytest.fixture(scope="module")  # its event loop runs in this thread: gone before other rooms' tests want their own
def chromium() -> Iterator[Browser | None]:
    path = chromium_path()
    if path is None:
        yield None
        return
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: Browser | None, missing_system_part: Callable[[str], NoReturn]) -> Browser:
    return chromium or missing_system_part(INSTALL)


@pytest.fixture(scope="session")
def page_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="session")
def site(page_redis: RedisProcess) -> Iterator[ApiProcess]:
    with ApiProcess(redis_url=page_redis.url) as process:
        yield process


@pytest.fixture
def worker(page_redis: RedisProcess) -> Iterator[StandIn]:
    stand_in = StandIn(Settings(redis_url=SecretStr(page_redis.url)))
    stand_in.redis.flushall()
    stand_in.appear()
    yield stand_in
    stand_in.close()


class VisitTo(Protocol):
    """Opens a service's page in a browser of its own, or on a phone with a touch screen."""

    def __call__(self, base_url: str, *, phone: bool = False) -> Visit: ...


@pytest.fixture
def visit_to(browser: Browser) -> Iterator[VisitTo]:
    """Nothing may have gone wrong in any of the browsers."""
    visits: list[Visit] = []

    def make(base_url: str, *, phone: bool = False) -> Visit:
        context = browser.new_context(
            viewport=PHONE_PX if phone else DESKTOP_PX,
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if phone else "light",
            accept_downloads=True,
        )
        visits.append(Visit(context.new_page(), base_url.rstrip("/")))
        return visits[-1]

    yield make
    for visit in visits:
        visit.page.context.close()
    assert [complaint for visit in visits for complaint in visit.complaints] == []


@pytest.fixture
def visit(visit_to: VisitTo, site: ApiProcess, worker: StandIn) -> Visit:
    return visit_to(str(site.client.base_url))


@pytest.fixture
def run_command(missing_system_part: Callable[[str], NoReturn]) -> RunCommand:
    """Runs what was copied from the page."""
    if shutil.which("curl") is None:
        missing_system_part("curl: apt-get install curl")
    return run
