"""What the service refuses is said where it was entered; a key is asked for; the command that is copied works."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.keyed import KeyedService
from tests.app.stand_in import StandIn
from tests.page.browser import Visit
from tests.page.commands import RunCommand
from tests.page.conftest import VisitTo
from tests.page.test_following import submit


def test_a_problem_is_shown_at_its_field_and_goes_when_that_is_mended(visit: Visit) -> None:
    page = visit.with_example()
    page.get_by_text("Fine-tune").click()
    seed = page.get_by_label("Seed")
    seed.fill(str(2**63))  # more than the page can count
    page.get_by_text("Fine-tune").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#seed-error")).to_have_text(f"Must be at most {2**63 - 1}.")
    expect(seed).to_be_focused()
    expect(seed).to_have_attribute("aria-invalid", "true")
    seed.fill("1")
    expect(page.locator("#seed-error")).to_be_hidden()


@pytest.mark.parametrize(("task", "words"), [("complete", "needs a file image"), ("style", "needs a file reference")])
def test_a_missing_picture_is_said_beside_the_place_for_it(visit: Visit, task: str, words: str) -> None:
    page = visit.open()
    page.get_by_role("radio", name=task.capitalize()).check()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#picture-problem")).to_contain_text(words)


def test_a_missing_mask_is_asked_for_beside_the_picture_and_nothing_is_sent(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example("inpaint")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#picture-problem")).to_have_text("Brush over what should be painted anew first.")
    expect(page.locator("#mask")).to_be_focused()
    assert sent_by(page) == []
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    expect(page.locator("#picture-problem")).to_be_hidden()
    submit(page, worker)


def test_transparent_parts_need_no_brush(visit: Visit, worker: StandIn) -> None:
    picture, buffer = Image.new("RGBA", (90, 700), "teal"), io.BytesIO()
    picture.putpixel((80, 690), (0, 0, 0, 0))
    picture.save(buffer, "PNG")
    page = visit.open()
    page.locator("#file").set_input_files({"name": "cutout.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    page.get_by_role("radio", name="Inpaint").check()
    record = worker.store.get(submit(page, worker))
    assert record is not None
    assert record.input is not None
    assert record.input.mask_source == "alpha"


@pytest.mark.parametrize(
    ("label", "typed", "words"),
    [
        ("Seed", "abc", "Must be a whole number."),
        ("Seed", "-1", "Must be at least 0."),
        ("Pictures", "1.5", "Must be a whole number."),
        ("Pictures", "9", "Must be at most 8."),
        ("Left, px", "-4", "Must be at least 0."),
    ],
)
def test_a_wrong_number_is_said_at_its_field_and_not_sent(visit: Visit, label: str, typed: str, words: str) -> None:
    page = visit.with_example("outpaint")
    page.get_by_text("Fine-tune").click()
    field = page.get_by_label(label, exact=True)
    field.fill(typed)
    page.get_by_text("Fine-tune").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile(re.escape(words)))
    assert sent_by(page) == []


def sent_by(page: Page) -> list[str]:
    """What it has asked the service to make."""
    page.wait_for_timeout(100)
    asked = "() => performance.getEntriesByType('resource').map((one) => one.name)"
    return [name for name in page.evaluate(asked) if name.endswith("/v1/jobs")]


def test_several_complaints_are_shown_each_at_its_field(visit: Visit) -> None:
    page = visit.with_example("outpaint")
    page.get_by_label("Left, px").fill("-4")
    page.get_by_text("Fine-tune").click()
    page.get_by_label("Pictures").fill("99")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#left_px-error")).to_be_visible()
    expect(page.locator("#n-error")).to_be_visible()


def test_a_service_without_workers_says_so(visit: Visit, worker: StandIn) -> None:
    worker.redis.flushall()
    page = visit.page
    page.goto(visit.base_url + "/")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    worker.appear()
    expect(page.get_by_text("scenes-128")).to_be_visible()


def test_a_key_is_asked_for_kept_in_the_tab_and_used_for_everything(visit_to: VisitTo, tmp_path: Path) -> None:
    with KeyedService(tmp_path / "keys", ("alice",)) as service:
        visit = visit_to(str(service.apis[0].client.base_url))
        page = visit.page
        page.goto(visit.base_url + "/")
        page.get_by_label("API key").fill("inlay_wrong")
        page.get_by_role("button", name="Use key").click()
        expect(page.get_by_text("The service does not know this key.")).to_be_visible()
        page.get_by_label("API key").fill(service.keys["alice"])
        page.get_by_label("API key").press("Enter")
        page.locator("#service[data-state=ready]").wait_for()
        page.get_by_role("radio", name="Generate").check()
        page.get_by_role("button", name="Paint", exact=True).click()
        page.wait_for_url("**#job=*")
        service.worker.finish(service.worker.start(page.url.partition("#job=")[2]))
        expect(page.get_by_alt_text("What was painted")).to_be_visible()
        kept = page.evaluate("() => [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage})]")
        assert service.keys["alice"] not in kept[0]
        assert service.keys["alice"] in kept[1]


def test_the_copied_command_makes_the_same_job(visit: Visit, worker: StandIn, run_command: RunCommand) -> None:
    page = visit.with_example("inpaint")
    page.locator("#mask").click()
    prompt = '@it\'s "one" line; type=text/html\nand $HOME'
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_text("Fine-tune").click()
    page.get_by_label("Seed").fill("5")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#curl-state")).to_have_text("Copied")
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command == page.locator("#curl-text").input_value()
    job = run_command(command, {})
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**#job=*")
    record = worker.store.get(page.url.partition("#job=")[2])
    assert record is not None
    assert record.spec.prompt == prompt.replace("\n", " ")
    assert job["parameters"] == record.spec.model_dump(mode="json", exclude={"task", "metadata"})
    assert job["input"] == record.input.model_dump(mode="json") if record.input else False
