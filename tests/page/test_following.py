"""How a job is followed: its place in the queue, a reload, a lost connection, a cancellation, its end, its history."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from PIL import Image
from playwright.sync_api import Page, Route, expect

from jobs.record import JobState
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.browser import Visit


def submit(page: Page, worker: StandIn) -> str:
    """Paints; returns the job's id."""
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**#job=*")
    job_id: str = page.url.partition("#job=")[2]
    assert job_id in worker.queue.waiting()
    return job_id


def preview() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(buffer, "WEBP")
    return buffer.getvalue()


def test_a_job_is_followed_from_its_place_in_the_queue_to_its_end(
    visit: Visit, worker: StandIn, site: ApiProcess
) -> None:
    first = site.client.post("/v1/jobs", json={"task": "generate"}).json()["id"]
    page = visit.with_example()
    record_id = submit(page, worker)
    expect(page.get_by_text("1 job ahead")).to_be_visible()
    worker.start(first)
    expect(page.get_by_text("Next in line")).to_be_visible()
    record = worker.start(record_id)
    worker.report(record, 5, eta_s=4.2, preview=preview())
    expect(page.get_by_text("Step 5 of 20 · about 4 s left")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Progress")).to_have_js_property("value", 0.25)
    expect(page.get_by_alt_text("What is expected so far")).to_be_visible()
    worker.finish(record)
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.get_by_role("link", name="Download")).to_be_visible()


def test_a_reload_in_the_middle_goes_on_following(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    record = worker.start(submit(page, worker))
    worker.report(record, 3)
    expect(page.get_by_text("Step 3 of 20")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Step 3 of 20")).to_be_visible()
    worker.report(record, 9)
    expect(page.get_by_text("Step 9 of 20")).to_be_visible()
    worker.finish(record)
    expect(page.get_by_label("Before and after")).to_be_visible()


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the page go on until something is so outside of it."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def test_a_lost_connection_is_taken_up_after_the_last_event_seen(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    asked: list[str | None] = []

    def break_once(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) == 1:
            told = 'id: 1-1\nevent: progress\ndata: {"step": 2, "steps": 20, "eta_s": null}\n\n'
            route.fulfill(status=200, content_type="text/event-stream", body=told)
        else:
            route.continue_()

    page.route("**/events?*", break_once)
    record = worker.start(submit(page, worker))
    worker.report(record, 7)
    expect(page.get_by_text("Step 7 of 20")).to_be_visible()
    until(page, lambda: len(asked) > 1)  # the job itself may have told of step 7, before its events were asked for
    assert asked == [None, "1-1"]
    worker.finish(record)
    expect(page.get_by_role("heading", name="Done")).to_be_visible()


def test_a_job_that_waits_is_canceled(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    job_id = submit(page, worker)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Canceled")).to_be_visible()
    until(page, lambda: job_id not in worker.queue.waiting())
    page.get_by_role("button", name="Back to the picture").click()
    expect(page.get_by_alt_text("Your picture example.png")).to_be_visible()


def test_a_job_that_runs_is_asked_to_stop(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    record = worker.start(submit(page, worker))
    worker.report(record, 2)
    expect(page.get_by_text("Step 2 of 20")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    until(page, lambda: bool(worker.store.cancel_requested([record.id])))
    worker.store.transition(record.id, JobState.CANCELED, expect={JobState.RUNNING})
    expect(page.get_by_role("heading", name="Canceled")).to_be_visible()


def test_a_job_that_fails_tells_why(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    worker.fail(worker.start(submit(page, worker)))
    expect(page.get_by_role("heading", name="It failed")).to_be_visible()
    expect(page.get_by_text("The sampler diverged. (diverged)")).to_be_visible()


def test_the_history_outlives_a_reload_and_opens_its_jobs(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example()
    worker.finish(worker.start(submit(page, worker)))
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    page.goto(visit.base_url + "/")
    cards = page.locator("#shelf .card")
    expect(cards).to_have_count(1)
    expect(cards.locator("img")).to_be_visible()
    cards.click()
    expect(page.get_by_label("Before and after")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()
    page.get_by_role("button", name="Take a red butterfly").click()
    expect(page.locator("#history")).to_be_hidden()


def test_a_job_that_is_kept_no_longer_says_so(visit: Visit, worker: StandIn) -> None:
    page = visit.open("/#job=" + "0" * 32)
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
