"""A form is judged as it arrives, and a wrong one is still wrong: what Schemathesis finds is not waved through."""

from __future__ import annotations

import pytest

from app.main import create_app
from jobs.settings import Settings
from tests.contract.forms import fits

COMPONENTS = create_app(Settings()).openapi()["components"]
GOOD = {"task": "outpaint", "image": "a file", "left_px": "20", "preserve_known": "yes", "output": '{"format": "webp"}'}


def fits_outpaint(parts: dict[str, str]) -> bool:
    return fits(parts, {"$ref": "#/components/schemas/OutpaintForm"}, COMPONENTS)


def test_text_is_read_as_its_fields_type() -> None:
    assert fits_outpaint(GOOD)
    assert fits_outpaint(GOOD | {"prompt": "5", "steps": "20.0", "seed": "7"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": "0"},
        {"steps": "many"},
        {"left_px": "0"},
        {"seed": "null"},
        {"stepz": "20"},
        {"task": "paint"},
        {"output": '{"format": "gif"}'},
        {"preserve_known": "perhaps"},
    ],
    ids=str,
)
def test_what_is_wrong_as_it_arrives_is_wrong(wrong: dict[str, str]) -> None:
    assert not fits_outpaint(GOOD | wrong)


@pytest.mark.parametrize("missing", ["task", "image", "left_px"])
def test_what_is_missing_is_missed(missing: str) -> None:
    assert not fits_outpaint({name: text for name, text in GOOD.items() if name != missing})
