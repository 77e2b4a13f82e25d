"""An opened job is at hand again: its picture, its strokes, its settings, its command; and there is a way back."""

from __future__ import annotations

import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from jobs import keys
from jobs.record import JobRecord
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.browser import Visit
from tests.page.commands import RunCommand
from tests.page.test_following import submit
from tests.page.test_mask import dab, sent_mask

NO_PICTURE = "picture.png"
"""What a command calls the picture of a job that came from elsewhere."""


def opened(page: Page, visit: Visit, job_id: str) -> Page:
    """The page, freshly loaded, with a job opened from the history."""
    page.goto(visit.base_url + "/")
    page.locator(f".card[data-id='{job_id}']").click()
    expect(page.locator(".news h3")).to_have_text("Done")
    return page


def copied(page: Page) -> str:
    """The command; the sheet opens once it is made."""
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#curl-text")).to_be_visible()
    return page.locator("#curl-text").input_value()


def made_with_odd_settings(visit: Visit, worker: StandIn) -> JobRecord:
    page = visit.with_example("complete")
    page.get_by_role("radio", name="Top").check()
    page.get_by_label("How much is kept").fill("0.3")
    page.get_by_label("Prompt", exact=True).fill("a house")
    page.get_by_text("Fine-tune").click()
    for name, value in {"steps": "9", "seed": "9007199254740993", "guidance_scale": "2.5"}.items():
        page.locator(f"#field-{name}").fill(value)
    page.get_by_label("File format").select_option("webp")
    record = worker.start(submit(page, worker))
    worker.finish(record)
    return record


def test_an_opened_job_brings_its_settings_and_its_command(
    visit: Visit, worker: StandIn, run_command: RunCommand
) -> None:
    record = made_with_odd_settings(visit, worker)
    page = opened(visit.page, visit, record.id)
    expect(page.get_by_role("radio", name="Complete")).to_be_checked()
    expect(page.get_by_role("radio", name="Top")).to_be_checked()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a house")
    expect(page.locator("#field-seed")).to_have_value(str(record.seed))
    same = run_command(copied(page), {})
    assert same["parameters"] == record.spec.model_dump(mode="json", exclude={"task", "metadata"})
    assert worker.blobs.get(keys.blob(same["id"], "image")) == worker.blobs.get(keys.blob(record.id, "image"))


def test_the_way_back_leads_to_the_picture_and_its_mask_also_after_a_reload(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example("inpaint")
    dab(page, 0.25, 0.25)
    job_id = submit(page, worker)
    worker.finish(worker.start(job_id))
    page.reload()
    page.get_by_role("button", name="Back to the picture").click()
    expect(page.get_by_alt_text("Your picture example.png")).to_be_visible()
    expect(page.locator("#picture-name")).to_be_focused()
    assert sent_mask(page, worker).getpixel((32, 32)) == 255


def test_no_picture_is_promised_where_there_is_none(
    visit: Visit, worker: StandIn, site: ApiProcess, run_command: RunCommand
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 70), "teal").save(buffer, "PNG")
    files = {"image": buffer.getvalue()}
    fields = {"task": "complete", "fraction": "0.333", "priority": "high", "metadata": json.dumps({"order": "it's 1"})}
    job_id = site.client.post("/v1/jobs", data=fields, files=files).json()["id"]
    record = worker.start(job_id)
    worker.finish(record)
    page = visit.open(f"/#job={job_id}")
    expect(page.get_by_role("button", name="Back to the picture")).to_have_count(0)
    command = copied(page)
    expect(page.locator("#curl-note")).to_contain_text(NO_PICTURE)
    same = run_command(command, {NO_PICTURE: buffer.getvalue()})
    sent = record.spec.model_dump(mode="json", exclude={"task", "metadata"})
    assert same["parameters"] == sent | {"seed": record.seed}
    assert same["metadata"] == {"order": "it's 1"}
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="New picture").click()
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()


@pytest.mark.parametrize("button", ["Copy as curl", "Paint"])
def test_what_is_asked_for_before_an_opened_job_is_here_is_still_that_job(
    visit: Visit, worker: StandIn, site: ApiProcess, button: str
) -> None:
    record = made_with_odd_settings(visit, worker)
    page = visit.page
    page.goto(visit.base_url + "/")
    held: list[Route] = []
    page.route(f"**/v1/jobs/{record.id}", lambda route: held.append(route))
    with page.expect_request(f"**/v1/jobs/{record.id}"):
        page.locator(f".card[data-id='{record.id}']").click()
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_timeout(300)
    expect(page.locator("#curl-text")).to_be_hidden()
    assert page.url.endswith(record.id)
    held[0].continue_()
    if button == "Paint":
        page.wait_for_url(lambda url: not url.endswith(record.id))
        assert site.client.get(f"/v1/jobs/{page.url.split('=')[-1]}").json()["parameters"]["fraction"] == 0.3
    else:
        expect(page.locator("#curl-text")).to_have_value(re.compile("--form-string 'fraction=0.3'"))


def test_what_was_worked_on_is_there_again_after_a_look_at_an_earlier_job(visit: Visit, worker: StandIn) -> None:
    page = visit.open()
    page.get_by_role("radio", name="Generate").check()
    worker.finish(worker.start(submit(page, worker)))
    page.goto(visit.base_url + "/")
    page = visit.with_example("inpaint")
    dab(page, 0.25, 0.25)
    page.locator("#shelf .card").click()
    expect(page.get_by_role("button", name="Paint another")).to_be_visible()
    expect(page.get_by_role("radio", name="Generate")).to_be_checked()
    page.go_back()
    expect(page.get_by_role("radio", name="Inpaint")).to_be_checked()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(re.compile("^a red butterfly"))
    assert sent_mask(page, worker).getpixel((32, 32)) == 255


def test_a_job_just_sent_leaves_the_seed_to_the_next_one(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    worker.finish(worker.start(submit(page, worker)))
    page.get_by_role("button", name="Back to the picture").click()
    expect(page.locator("#field-seed")).to_have_value("")


def test_of_a_job_that_is_gone_the_picture_and_the_words_are_left(
    visit: Visit, worker: StandIn, site: ApiProcess
) -> None:
    page = visit.with_example("upscale")
    page.get_by_label("Prompt", exact=True).fill("a moth")
    job_id = submit(page, worker)
    assert site.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    page.goto(visit.base_url + "/")
    page.locator("#shelf .card").click()
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
    page.get_by_role("button", name="Back to the picture").click()
    expect(page.get_by_alt_text("Your picture example.png")).to_be_visible()
    expect(page.get_by_role("radio", name="Upscale")).to_be_checked()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a moth")
