"""Everybody can use it: no serious finding of axe in any main state, light and dark, down to 360 px, without motion."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.app.stand_in import StandIn
from tests.page.browser import PHONE_PX, Visit
from tests.page.test_following import preview, submit

Scheme = Literal["light", "dark"]


def findings(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    report = Axe().run(page).response
    assert len(report["passes"]) > 10, "axe has looked at the page"
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in report["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def too_wide(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize(
    ("scheme", "width_px"),
    [
        ("light", 1280),
        ("dark", 360),
        pytest.param("dark", 1280, marks=pytest.mark.slow),
        pytest.param("light", 360, marks=pytest.mark.slow),
    ],
)
def test_every_main_state_is_accessible_and_fits(visit: Visit, worker: StandIn, scheme: Scheme, width_px: int) -> None:
    page = visit.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width_px, "height": 860 if width_px == 1280 else PHONE_PX["height"]})

    def check(state: str) -> None:
        assert findings(page) == [], state
        assert not too_wide(page), state

    visit.open()
    check("empty")
    page.get_by_role("button", name="Try the example").click()
    page.get_by_text("Fine-tune").click()
    for task in ("Inpaint", "Deblur", "Complete"):
        page.get_by_role("radio", name=task).check()
        check(task)
    page.get_by_label("Seed").fill("x")
    page.get_by_role("button", name="Paint", exact=True).click()
    page.locator("#seed-error").wait_for()
    check("problem")
    page.get_by_label("Seed").fill("")
    record = worker.start(submit(page, worker))
    worker.report(record, 5, eta_s=3, preview=preview())
    expect(page.get_by_text("Step 5 of 20")).to_be_visible()
    check("painting")
    worker.finish(record)
    page.get_by_label("Before and after").wait_for()
    check("done")
    page.get_by_role("button", name="Copy as curl").click()
    check("command")


@pytest.mark.parametrize(("width_px", "height_px"), [(1280, 900), (1366, 700)])
def test_the_picture_stays_in_sight_but_never_over_the_history(
    visit: Visit, worker: StandIn, width_px: int, height_px: int
) -> None:
    visit.page.set_viewport_size({"width": width_px, "height": height_px})
    page = visit.with_example()
    page.get_by_text("Fine-tune").click()
    submit(page, worker)
    expect(page.locator("#shelf img")).to_be_visible()
    stuck = False
    for share in (0, 0.25, 0.5, 0.75, 1):
        page.evaluate("(share) => scrollTo({top: share * document.body.scrollHeight, behavior: 'instant'})", share)
        stage, history = page.locator("#stage").bounding_box(), page.locator("#history").bounding_box()
        assert stage
        assert history
        assert stage["y"] + stage["height"] <= history["y"], share
        stuck |= page.evaluate("() => scrollY") > 100 and stage["y"] == pytest.approx(24, abs=1)
    assert stuck, "beside unfolded settings it stays in sight"


@pytest.mark.parametrize(("width_px", "height_px"), [(1280, 900), (PHONE_PX["width"], PHONE_PX["height"])])
def test_a_job_opened_far_below_comes_into_sight(visit: Visit, worker: StandIn, width_px: int, height_px: int) -> None:
    visit.page.set_viewport_size({"width": width_px, "height": height_px})
    page = visit.with_example()
    worker.finish(worker.start(submit(page, worker)))
    page.get_by_role("button", name="Back to the picture").click()
    page.locator("#shelf .card").click()
    expect(page.get_by_role("heading", name="Done")).to_be_focused()
    page.wait_for_function("() => document.querySelector('#stage').getBoundingClientRect().top >= 0")


def test_dark_mode_is_dark(visit: Visit) -> None:
    page = visit.open()
    lightness = "() => getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0]"
    assert page.evaluate(lightness) > 230
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(lightness) < 40


def test_nothing_moves_where_that_is_not_wanted(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    page = visit.open()
    durations = "() => [...document.querySelectorAll('*')].map((one) => getComputedStyle(one).transitionDuration)"
    assert {part for value in page.evaluate(durations) for part in value.split(", ")} <= {"0s", "0.001s"}


def test_what_the_policy_forbids_is_noticed(visit: Visit) -> None:
    """That no other test has complaints means something only if there would be some."""
    page = visit.open()
    page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<img src=https://elsewhere.invalid/x.png>')")
    page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>')")
    page.wait_for_timeout(100)
    assert any("img-src" in complaint for complaint in visit.complaints)
    assert any("style-src" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
