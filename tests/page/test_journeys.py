"""What people come for, in a real browser on the real service: real Redis, real worker, the embedded model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.end_to_end.deployment import Deployment
from tests.page.browser import Visit, keep_shot
from tests.page.conftest import VisitTo

pytestmark = pytest.mark.end_to_end

EXAMPLE = Path(__file__).parents[2] / "app" / "page" / "pictures" / "example.png"
WORK_MS = 240_000


@pytest.fixture(scope="module")
def service() -> Iterator[Deployment]:
    with Deployment() as deployment:
        deployment.have_workers(1)
        yield deployment


@pytest.fixture
def real(visit_to: VisitTo, service: Deployment) -> Visit:
    return visit_to(str(service.api.client.base_url))


def fine_tune(page: Page, **values: str) -> None:
    """Sets parameters that are folded away."""
    page.get_by_text("Fine-tune").click()
    for name, value in values.items():
        page.locator(f"#field-{name}").fill(value)


def paint_and_wait(page: Page) -> None:
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=WORK_MS)


def downloaded(page: Page) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.startswith("inlay-")
    with Image.open(download.value.path()) as picture:
        return picture.convert("RGB")


def differing(one: Image.Image, other: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which pixels differ."""
    differs: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = (np.asarray(one) != np.asarray(other)).any(axis=2)
    return differs


def test_a_hole_is_painted_watched_compared_and_downloaded(real: Visit) -> None:
    page = real.with_example("inpaint")
    fine_tune(page, steps="30", seed="7")
    page.get_by_text("Fine-tune").click()
    box = page.locator("#mask").bounding_box()
    assert box
    unit = box["width"] / 128
    page.mouse.move(box["x"] + 70 * unit, box["y"] + 30 * unit)
    page.mouse.down()
    for x, y in [(104, 30), (104, 52), (72, 56), (100, 72), (84, 84)]:
        page.mouse.move(box["x"] + x * unit, box["y"] + y * unit, steps=4)
    page.mouse.up()
    keep_shot(page, "mask")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator(".news p")).to_have_text(re.compile(r"^Step \d+ of 30"), timeout=WORK_MS)
    page.locator(".preview:not([hidden])").wait_for(timeout=WORK_MS)
    keep_shot(page, "painting")
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("known pixels unchanged")).to_be_visible()
    keep_shot(page, "result")
    with Image.open(EXAMPLE) as sent:
        changed = differing(downloaded(page), sent.convert("RGB"))
    assert changed[25:60, 66:110].mean() > 0.2
    assert not changed[:, :50].any(), "what was not brushed over is as it was sent"


def draw_by_finger(page: Page, points: list[tuple[float, float]]) -> None:
    """One stroke over these places of the window, as a touch screen reports it."""
    screen = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(points):
        kind = "touchMove" if number else "touchStart"
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    screen.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    screen.detach()


def test_a_finger_paints_a_hole_on_a_phone_that_stays_where_it_is(visit_to: VisitTo, service: Deployment) -> None:
    page = visit_to(str(service.api.client.base_url), phone=True).with_example("inpaint")
    fine_tune(page, steps="8", seed="7")
    page.get_by_text("Fine-tune").click()
    page.locator("#mask").scroll_into_view_if_needed()
    box, place = page.locator("#mask").bounding_box(), page.evaluate("() => scrollY")
    assert box
    unit = box["width"] / 128
    for column in (80, 90, 100):  # down and up again: where the page scrolled along, the strokes would be elsewhere
        draw_by_finger(page, [(box["x"] + column * unit, box["y"] + row * unit) for row in (28, 40, 52, 40, 28)])
    assert page.evaluate("() => scrollY") == place
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    keep_shot(page, "finger")
    paint_and_wait(page)
    keep_shot(page, "finger-result")
    with Image.open(EXAMPLE) as sent:
        changed = differing(downloaded(page), sent.convert("RGB"))
    assert changed[30:50, 80:100].mean() > 0.2
    assert not changed[:, :50].any(), "what no finger touched is as it was sent"


def test_the_left_half_is_kept_and_two_pictures_are_offered(real: Visit) -> None:
    page = real.with_example("complete")
    fine_tune(page, steps="4", n="2")
    paint_and_wait(page)
    with Image.open(EXAMPLE) as sent:
        assert not differing(downloaded(page), sent.convert("RGB"))[:, :64].any()
    first = page.locator(".compare .after").get_attribute("src")
    page.get_by_role("button", name="Picture 2 of 2").click()
    assert page.locator(".compare .after").get_attribute("src") != first


def test_everything_can_be_done_by_keyboard_alone(real: Visit) -> None:
    page = real.open()
    keys = page.keyboard
    tab_to(page, "#example")
    keys.press("Enter")
    page.locator("#frame").wait_for()
    tab_to(page, "input[name=task]")
    keys.press("ArrowRight")
    expect(page.get_by_role("radio", name="Inpaint")).to_be_checked()
    tab_to(page, "#mask", back=True)
    keys.press("Space")
    for arrow in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        keys.press(arrow)
    keys.press("Space")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    tab_to(page, "summary")
    keys.press("Enter")
    tab_to(page, "#field-steps")
    keys.press("Home")
    keys.press("ArrowRight")
    tab_to(page, "#field-prompt", back=True)
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=WORK_MS)
    tab_to(page, "[aria-label='Before and after']", back=True)
    keys.press("End")
    expect(page.get_by_label("Before and after")).to_have_value("100")


def tab_to(page: Page, selector: str, *, back: bool = False) -> None:
    """Presses Tab until something has the focus."""
    for _ in range(60):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    pytest.fail(f"{selector} is not reached by Tab")
