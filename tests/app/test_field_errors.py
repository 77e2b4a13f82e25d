"""What is told of wrong fields: sentences of our own, with the limit that was met and never the value that was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest

from app.accept import check_parameters
from app.bodies import Submission
from app.field_sentences import UNFORESEEN
from app.problems import Problem
from jobs.spec import TASKS, AnySpec
from tests.app.answers import problem

CASES: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "missing_field", "/task", "task is required."),
    ({"task": "paint"}, "invalid_field", "/task", f"task must be one of {', '.join(TASKS)}."),
    ({"nothing": 1}, "unknown_field", "/nothing", "nothing is not a field of this request."),
    ({"steps": 1000}, "invalid_field", "/steps", "steps must be at most 100."),
    ({"steps": 0}, "invalid_field", "/steps", "steps must be at least 1."),
    ({"steps": "20"}, "invalid_field", "/steps", "steps must be a whole number."),
    ({"steps": None}, "invalid_field", "/steps", "steps must be a whole number."),
    ({"guidance_scale": 0.5}, "invalid_field", "/guidance_scale", "guidance_scale must be at least 1."),
    ({"guidance_scale": True}, "invalid_field", "/guidance_scale", "guidance_scale must be a number."),
    ({"task": "complete", "fraction": 0.95}, "invalid_field", "/fraction", "fraction must be at most 0.9."),
    ({"task": "complete", "keep": "all"}, "invalid_field", "/keep", "keep must be left, right, top or bottom."),
    ({"task": "inpaint", "mask_resize": 1}, "invalid_field", "/mask_resize", "mask_resize must be true or false."),
    ({"task": "upscale", "factor": 3}, "invalid_field", "/factor", "factor must be 2, 4 or 8."),
    (
        {"task": "outpaint"},
        "invalid_field",
        "/bottom_px",
        "bottom_px or one of left_px, right_px, top_px must be above 0.",
    ),
    ({"task": "deblur"}, "missing_field", "/sigma_px", "sigma_px is required."),
    ({"seed": 2**63}, "invalid_field", "/seed", "seed must be at most 9223372036854775807."),
    ({"deadline_s": 0}, "invalid_field", "/deadline_s", "deadline_s must be more than 0."),
    ({"prompt": "x" * 2001}, "invalid_field", "/prompt", "prompt must be at most 2000 characters long."),
    ({"prompt": "\0"}, "invalid_field", "/prompt", "prompt must not have control characters."),
    ({"prompt": 7}, "invalid_field", "/prompt", "prompt must be a string."),
    ({"output": "png"}, "invalid_field", "/output", "output must be a JSON object."),
    ({"output": {"quality": 0}}, "invalid_field", "/output/quality", "output/quality must be at least 1."),
    ({"metadata": {"order": 4711}}, "invalid_field", "/metadata/order", "metadata/order must be a string."),
    (
        {"metadata": {"k" * 65: ""}},
        "invalid_field",
        f"/metadata/{'k' * 65}",
        f"metadata/{'k' * 65}: its name must be at most 64 characters long.",
    ),
    (
        {"metadata": {str(number): "" for number in range(17)}},
        "invalid_field",
        "/metadata",
        "metadata must have at most 16 entries.",
    ),
]


@pytest.mark.parametrize(("fields", "code", "pointer", "detail"), CASES, ids=[detail[:40] for *_, detail in CASES])
def test_a_wrong_field_is_told_in_a_sentence(
    http: httpx.Client, fields: dict[str, Any], code: str, pointer: str, detail: str
) -> None:
    body = fields if fields == {} else {"task": "generate"} | fields
    assert problem(http.post("/v1/jobs", json=body), 422, code, pointer)["detail"] == detail


@pytest.mark.parametrize(
    ("name", "text", "detail"),
    [
        ("steps", "many", "steps must be a whole number."),
        ("steps", "9" * 5000, "steps must have fewer digits."),
        ("guidance_scale", "nan", "guidance_scale must be a finite number."),
        ("output", "png", "output must be a JSON object."),
    ],
)
def test_so_is_one_of_a_form(http: httpx.Client, name: str, text: str, detail: str) -> None:
    answer = http.post("/v1/jobs", files={"task": (None, "generate"), name: (None, text)})
    assert problem(answer, 422, "invalid_field", f"/{name}")["detail"] == detail


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("limit=101", "/limit", "limit must be at most 100."),
        ("limit=all", "/limit", "limit must be a whole number."),
        ("state=new", "/state", "state must be queued, running, succeeded, failed or canceled."),
        (f"cursor={'c' * 65}", "/cursor", "cursor must be at most 64 characters long."),
    ],
)
def test_so_is_one_of_a_query(http: httpx.Client, query: str, pointer: str, detail: str) -> None:
    assert problem(http.get(f"/v1/jobs?{query}"), 422, "invalid_field", pointer)["detail"] == detail


def test_so_is_one_of_a_header(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"task": "generate"}, headers={"Idempotency-Key": "with spaces"})
    told = problem(answer, 422, "invalid_field", "/idempotency-key")
    assert told["detail"] == "idempotency-key must be 1 to 255 visible ASCII characters, without spaces."


def test_all_complaints_are_told_in_sentences(http: httpx.Client) -> None:
    body = {"task": "generate", "steps": 0, "n": 9, "output": {"format": "gif"}, "speed": "high"}
    told = problem(http.post("/v1/jobs", json=body), 422, "invalid_field", "/steps")
    assert [(one["code"], one["pointer"], one["detail"]) for one in told["errors"]] == [
        ("invalid_field", "/steps", "steps must be at least 1."),
        ("invalid_field", "/n", "n must be at most 8."),
        ("invalid_field", "/output/format", "output/format must be png, webp or jpeg."),
        ("unknown_field", "/speed", "speed is not a field of this request."),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 9}, "n must be at most 8."),
        ({"user": "x" * 513}, "user must be at most 512 characters long."),
        ({"output_format": "gif"}, "output_format must be png, webp or jpeg."),
    ],
)
def test_openais_clients_read_the_same_sentences_with_their_own_names(
    http: httpx.Client, fields: dict[str, Any], message: str
) -> None:
    answer = http.post("/v1/images/generations", json={"prompt": "a vase"} | fields)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


def test_no_value_of_any_field_is_told_in_words_that_are_not_ours() -> None:
    told = set(_complaints())
    assert len(told) > 100
    foreign = {one for one in told if UNFORESEEN in one or "nput" in one or "{" in one or "'" in one}
    assert not foreign


def _complaints() -> Iterator[str]:
    """What is told of values of all kinds in every field, as JSON and, where they are texts, as plain fields."""
    numbers = (None, True, 1.5, -1, 10**30, float("nan"))
    texts = ("", "x", "x" * 5000, "\ud800", "\0", "nan", "1.5", "9" * 5000)
    structures: tuple[Any, ...] = (
        [],
        {},
        {"": "x"},
        {"k": 1},
        {"format": "x"},
        {"quality": "9"},
        {str(n): "" for n in range(17)},
    )
    for spec in get_args(AnySpec):
        for name in (*spec.model_fields, "nothing"):
            for value in (*numbers, *texts, *structures):
                for plain in {frozenset[str](), frozenset({name} if isinstance(value, str) else ())}:
                    fields = {"task": spec.model_fields["task"].default, name: value}
                    try:
                        check_parameters(Submission(fields, {"image": b"", "reference": b""}, plain))
                    except Problem as found:
                        yield from (error.detail for error in found.errors)
