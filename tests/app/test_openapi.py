"""The description that the service serves: valid, complete, and true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.main import create_app
from app.problem_types import CATALOGUE
from jobs.settings import Settings
from jobs.spec import TASKS, AnySpec
from tests.app.hostile.requests import form
from tests.app.pictures import mask_png, picture_png


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_description_is_valid_openapi_31(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(described).validate()


def test_service_serves_the_description_and_its_page(http: httpx.Client, described: dict[str, Any]) -> None:
    served = http.get("/openapi.json")
    assert served.json() == json.loads(json.dumps(described))
    assert "swagger" in http.get("/docs").text.lower()


def test_every_error_is_described_as_a_problem(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        errors = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        assert errors, name
        for answer in errors.values():
            (media_type,) = answer["content"]
            in_openais_shape = " /v1/images/" in name
            assert media_type == ("application/json" if in_openais_shape else "application/problem+json"), name
            for code, example in answer["content"][media_type]["examples"].items():
                told = example["value"]["error"] if in_openais_shape else example["value"]
                assert told["code"] == code in CATALOGUE


def test_every_operation_is_explained_and_may_succeed(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        assert operation["summary"], name
        assert operation["description"], name
        assert any(int(status) < 300 for status in operation["responses"]), name


def bodies(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is sent or answered, by where it stands."""
    for name, operation in operations(described):
        asked = {"body": operation["requestBody"]} if "requestBody" in operation else {}
        for part, told in (asked | operation["responses"]).items():
            for media_type, content in told.get("content", {}).items():
                yield f"{name} {part} {media_type}", content


def test_every_body_of_every_route_has_examples_that_fit_its_schema(described: dict[str, Any]) -> None:
    seen = 0
    for place, content in bodies(described):
        schema = Draft202012Validator({**content["schema"], "components": described["components"]})
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, place
        for example in examples:
            assert [error.message for error in schema.iter_errors(example)] == [], place
        seen += len(examples)
    assert seen > 200
    assert {name.split(" ")[1] for name, _ in operations(described)} == {
        place.split(" ")[1] for place, _ in bodies(described)
    }


def test_an_example_that_does_not_fit_would_be_noticed(described: dict[str, Any]) -> None:
    for place, content in bodies(described):
        schema = Draft202012Validator({**content["schema"], "components": described["components"]})
        assert not schema.is_valid(17), place


def test_examples_of_limits_are_the_defaults(http: httpx.Client, described: dict[str, Any]) -> None:
    example = described["paths"]["/v1/limits"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    keyless = dict.fromkeys(("rate_limit_jobs", "rate_window_s", "max_active_jobs"))
    assert http.get("/v1/limits").json() == example | keyless


@pytest.mark.parametrize("spec", get_args(AnySpec))
@pytest.mark.parametrize("suffix", ["Json", "Form"])
def test_bodies_have_all_parameters_with_their_limits(described: dict[str, Any], spec: Any, suffix: str) -> None:
    name = spec.__name__.removesuffix("Spec")
    schema = described["components"]["schemas"][name + suffix]
    files = {"Inpaint": {"image", "mask"}, "Style": {"reference"}, "Generate": set()}.get(name, {"image"})
    assert set(schema["properties"]) == set(spec.model_fields) | files
    assert schema["additionalProperties"] is False
    assert "task" in schema["required"]
    assert schema["properties"]["steps"]["maximum"] == 100


def test_examples_of_bodies_are_accepted(http: httpx.Client, described: dict[str, Any]) -> None:
    body = described["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == set(TASKS)
    for name, example in body["examples"].items():
        assert http.post("/v1/jobs", json=example["value"]).status_code == 202, name


def test_a_file_of_a_form_needs_no_filename(http: httpx.Client) -> None:
    nameless = form("", [("task", None, b"inpaint"), ("image", None, picture_png()), ("mask", None, mask_png())])
    assert http.post("/v1/jobs", content=nameless.body, headers=nameless.headers).status_code == 202
    text = form("", [("task", None, b"complete"), ("image", None, b"hello")])
    assert http.post("/v1/jobs", content=text.body, headers=text.headers).json()["code"] == "unsupported_image_type"


@pytest.mark.parametrize(
    ("task", "wrong"),
    [
        ("outpaint", {"left_px": 0}),
        ("deblur", {"kernel": "gaussian"}),
        ("deblur", {"kernel": "motion", "length_px": 9, "sigma_px": 2}),
        ("deblur", {"sigma_px": 2, "angle_deg": 5}),
        ("generate", {"prompt": "a\u0007"}),
    ],
)
def test_rules_between_parameters_are_described_and_kept(
    http: httpx.Client, described: dict[str, Any], task: str, wrong: dict[str, Any]
) -> None:
    examples = described["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    picture = {"image": examples["complete"]["value"]["image"]} if task != "generate" else {}
    body = {"task": task, **picture, **wrong}
    reference = {"$ref": f"#/components/schemas/{task.capitalize()}Json", "components": described["components"]}
    assert not Draft202012Validator(reference).is_valid(body)
    assert http.post("/v1/jobs", json=body).status_code == 422
    right = examples[task]["value"]
    assert Draft202012Validator(reference).is_valid(right)


def test_answers_have_the_described_shape(http: httpx.Client, described: dict[str, Any]) -> None:
    job = http.post("/v1/jobs", json={"task": "generate"}).json()
    schema = described["components"]["schemas"]["JobView"]
    assert set(job) == set(schema["properties"]) == set(schema["required"])
    problem = http.get("/nowhere").json()
    assert set(problem) | {"pointer", "errors"} == set(described["components"]["schemas"]["ProblemBody"]["properties"])
