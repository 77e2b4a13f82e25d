"""The mask by mouse and by finger, with undo, redo and clear; the line on the picture; what is dropped or pasted."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Page, expect

from jobs import keys
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.page.browser import Visit, keep_shot
from tests.page.conftest import VisitTo

PASTE = """async (kind) => {
  const canvas = new OffscreenCanvas(80, 70);
  canvas.getContext("2d").fillRect(0, 0, 80, 70);
  const data = new DataTransfer();
  data.items.add(new File([await canvas.convertToBlob()], "black.png", {type: "image/png"}));
  const [name, event] = kind === "paste" ? ["clipboardData", ClipboardEvent] : ["dataTransfer", DragEvent];
  document.body.dispatchEvent(new event(kind, {[name]: data, bubbles: true, cancelable: true}));
}"""


def sent_mask(page: Page, worker: StandIn) -> Image.Image:
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**#job=*")
    job_id = page.url.partition("#job=")[2]
    return Image.open(io.BytesIO(worker.blobs.get(keys.blob(job_id, "mask")).data))


def dab(page: Page, x: float, y: float) -> None:
    """Presses the brush once; as shares of the picture."""
    box = page.locator("#mask").bounding_box()
    assert box
    page.locator("#mask").click(position={"x": x * box["width"], "y": y * box["height"]})


def test_mask_is_white_where_it_was_brushed_and_of_the_pictures_size(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example("inpaint")
    dab(page, 0.25, 0.25)
    dab(page, 0.75, 0.75)
    page.get_by_role("button", name="Eraser").click()
    dab(page, 0.75, 0.75)
    mask = sent_mask(page, worker)
    assert (mask.mode, mask.size) == ("L", (128, 128))
    assert (mask.getpixel((32, 32)), mask.getpixel((96, 96)), mask.getpixel((64, 64))) == (255, 0, 0)


def test_strokes_are_undone_done_again_and_cleared(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example("inpaint")
    dab(page, 0.25, 0.25)
    dab(page, 0.75, 0.75)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Redo").click()
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    mask = sent_mask(page, worker)
    assert (mask.getpixel((32, 32)), mask.getpixel((96, 96))) == (255, 0)


def test_a_finger_paints_on_a_phone(visit_to: VisitTo, site: ApiProcess, worker: StandIn) -> None:
    page = visit_to(str(site.client.base_url), phone=True).with_example("inpaint")
    box = page.locator("#mask").bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    keep_shot(page, "phone")
    assert sent_mask(page, worker).getpixel((64, 64)) == 255


def test_the_line_on_the_picture_sets_how_much_is_kept(visit: Visit) -> None:
    page = visit.with_example("complete")
    line, frame = page.locator("#divider").bounding_box(), page.locator("#frame").bounding_box()
    assert line
    assert frame
    page.mouse.move(line["x"] + line["width"] / 2, line["y"] + 50)
    page.mouse.down()
    page.mouse.move(frame["x"] + 0.75 * frame["width"], line["y"] + 60, steps=3)
    page.mouse.up()
    expect(page.get_by_label("How much is kept")).to_have_value("0.75")


def test_pictures_are_pasted_dropped_and_chosen(visit: Visit) -> None:
    page = visit.open()
    for kind, name in (("paste", "pasted.png"), ("drop", "black.png")):
        page.evaluate(PASTE, kind)
        expect(page.get_by_text(f"{name} · 80 × 70")).to_be_visible()
        page.get_by_role("button", name="Remove").click()
    buffer = io.BytesIO()
    Image.new("RGB", (64, 90)).save(buffer, "JPEG")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    expect(page.get_by_text("mine.jpg · 64 × 90")).to_be_visible()


def test_the_focus_goes_on_where_a_button_went(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("button", name="Try the example").press("Enter")
    expect(page.locator("#picture-name")).to_be_focused()
    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()


def test_a_file_that_is_no_picture_is_refused_in_words(visit: Visit) -> None:
    page = visit.open()
    page.locator("#file").set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.get_by_text("notes.png cannot be shown.")).to_be_visible()
