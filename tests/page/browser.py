"""A real Chromium, and a record of everything that a page complains about."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, ViewportSize

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "a Chromium: apt-get install chromium"
DESKTOP_PX: ViewportSize = {"width": 1280, "height": 860}
PHONE_PX: ViewportSize = {"width": 360, "height": 740}
WAIT_MS = 60_000
"""Longest wait for anything but a real worker: generous, for busy machines."""

_ROOT = Path(__file__).parents[2]
_IMAGES, _BUILD = _ROOT / "docs" / "images", _ROOT / "build" / "page"
_TELL_VIOLATIONS = """addEventListener("securitypolicyviolation",
  (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
_EXPECTED = "Failed to load resource: the server responded with a status of"
"""Chromium's own line about an answer of 4xx or 5xx, which tests provoke."""


def chromium_path() -> str | None:
    """The system's Chromium, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Starts it without a window. Its own sandbox needs rights that containers and root do not have."""
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


@dataclass
class Visit:
    """A page of the service in a browser of its own (its storage is empty), and what went wrong in it."""

    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.add_init_script(_TELL_VIOLATIONS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_EXPECTED):
            self.complaints.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        inside = request.url.startswith((self.base_url, "blob:", "data:"))
        if not inside:
            self.complaints.append(f"request to {urlsplit(request.url).netloc}: {request.url}")

    def open(self, path: str = "/") -> Page:
        """Goes to an address of the service and waits until the page knows the model."""
        self.page.goto(self.base_url + path)
        self.page.locator("#service[data-state=ready]").wait_for()
        return self.page

    def with_example(self, task: str = "complete") -> Page:
        """The page with its example picture, at a task."""
        page = self.open()
        page.get_by_role("button", name="Try the example").click()
        page.locator("#frame").wait_for()
        page.get_by_role("radio", name=task.capitalize(), exact=True).check()
        return page


def keep_shot(page: Page, name: str) -> None:
    """Writes build/page/page-NAME.png; if PAGE_SCREENSHOTS is set, those that docs/page.md shows to docs/images."""
    shown = _IMAGES / f"page-{name}.png"
    folder = _IMAGES if os.environ.get("PAGE_SCREENSHOTS") and shown.exists() else _BUILD
    page.wait_for_timeout(500)  # transitions
    page.screenshot(path=folder / shown.name)
