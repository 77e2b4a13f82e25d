"""The panel offers what the service takes: all tasks, all parameters, their ranges, choices and defaults."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from playwright.sync_api import Page, expect

from jobs.spec import TASKS, AnySpec, CommonSpec
from tests.app.stand_in import StandIn
from tests.page.browser import Visit

ELSEWHERE = {
    "task",
    "output",
    "model",
    "deadline_s",
    "metadata",
    "mask_polarity",
    "mask_resize",
    "priority",
    "webhook_url",
}
"""Not controls of their own: chosen or written otherwise, or of use to programs only."""
DESCRIBE = """() => Object.fromEntries([...document.querySelectorAll(".fields .field")].map((field) => {
  const inputs = [...field.querySelectorAll("input, select, textarea")], first = inputs[0];
  const checked = inputs.find((input) => input.checked);
  const value = {checkbox: () => String(first.checked), radio: () => checked.value}[first.type]?.() ?? first.value;
  const options = first.options ? [...first.options].map((option) => option.value)
    : first.type === "radio" ? inputs.map((input) => input.value) : null;
  return [first.name, {value, min: first.min ?? "", max: first.max ?? "", options}];
}))"""


def test_all_tasks_are_offered_and_those_that_no_worker_does_are_not(visit: Visit, worker: StandIn) -> None:
    worker.appear(tasks=[task for task in TASKS if task != "style"])
    page = visit.open()
    assert page.locator("input[name=task]").evaluate_all("(all) => all.map((one) => one.value)") == list(TASKS)
    expect(page.get_by_role("radio", name="Style")).to_be_disabled()
    expect(page.get_by_role("radio", name="Generate")).to_be_enabled()


def test_parameters_have_the_ranges_and_defaults_of_the_service(visit: Visit) -> None:
    page = visit.open()
    for spec in get_args(AnySpec):
        assert_offered(page, spec)


def assert_offered(page: Page, spec: type[CommonSpec]) -> None:
    properties = spec.model_json_schema()["properties"]
    page.get_by_role("radio", name=properties["task"]["default"].capitalize(), exact=True).check()
    offered = page.evaluate(DESCRIBE)
    assert offered.keys() - {"format", "quality"} == properties.keys() - ELSEWHERE
    for name in offered.keys() & properties.keys():
        assert_same(name, offered[name], properties[name])


def assert_same(name: str, control: dict[str, Any], described: dict[str, Any]) -> None:
    value = described.get("default")
    limits = described | next((one for one in described.get("anyOf", []) if one.get("type") != "null"), {})
    if "minimum" in limits and name != "seed":
        assert (float(control["min"]), float(control["max"])) == (limits["minimum"], limits["maximum"]), name
    if "enum" in limits:
        assert control["options"] == [str(one) for one in limits["enum"]], name
    if isinstance(value, bool):
        assert control["value"] == str(value).lower(), name
    elif isinstance(value, (int, float)):
        assert float(control["value"]) == value, name
    elif isinstance(value, str):
        assert control["value"] == value, name


@pytest.mark.parametrize("task", TASKS)
def test_a_job_of_every_task_is_accepted_with_what_the_panel_says(visit: Visit, worker: StandIn, task: str) -> None:
    page = visit.with_example(task)
    if task == "inpaint":
        page.locator("#mask").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**#job=*")
    record = worker.store.get(page.url.partition("#job=")[2])
    assert record is not None
    assert record.spec.task == task
    assert record.spec.prompt.startswith("a red butterfly")
    if task == "outpaint":
        assert record.input is not None
        assert (record.input.result_width_px, record.input.result_height_px) == (192, 128)


def test_what_was_entered_is_sent(visit: Visit, worker: StandIn) -> None:
    page = visit.with_example("complete")
    page.get_by_role("radio", name="Top").check()
    page.get_by_label("How much is kept").fill("0.3")
    page.get_by_text("Fine-tune").click()
    for name, value in {"negative_prompt": "@night", "steps": "9", "guidance_scale": "2.5", "seed": "12"}.items():
        page.locator(f"#field-{name}").fill(value)
    page.get_by_label("File format").select_option("webp")
    page.get_by_label("Quality").fill("70")
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**#job=*")
    record = worker.store.get(page.url.partition("#job=")[2])
    assert record is not None
    sent = record.spec.model_dump()
    assert (sent["keep"], sent["fraction"], sent["negative_prompt"]) == ("top", 0.3, "@night")
    assert (sent["steps"], sent["guidance_scale"], sent["seed"]) == (9, 2.5, 12)
    assert sent["output"] == {"format": "webp", "quality": 70}
