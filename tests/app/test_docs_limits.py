"""docs/api.md says of every field what the OpenAPI document says: who takes it, its limits, choices and default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.main import create_app
from jobs.settings import Settings
from jobs.spec import TASKS

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
LARGEST_SEED = "2⁶³ − 1"
UNSET = ("drawn", "any", "none", "the model's native size", "required for `gaussian`", "required for `motion`")
"""What the page calls a default of null."""
FILES = frozenset({"image", "mask", "reference"})


class Row(NamedTuple):
    """One parameter's line."""

    tasks: frozenset[str]
    values: str
    default: str


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def rows(page: str) -> dict[str, Row]:
    table = page.partition("### Parameters")[2].partition("### Pictures")[0]
    found: dict[str, Row] = {}
    for line in table.splitlines():
        if not line.startswith("| `"):
            continue
        names, tasks, values, default, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        who = frozenset(TASKS if tasks == "all" else re.findall(r"`(\w+)`", tasks))
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), Row(who, values, default))
    return found


def not_null(schema: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)


def bounds(schema: dict[str, Any]) -> set[float]:
    """Every number that a schema names."""
    names = ("minimum", "exclusiveMinimum", "maximum", "maxLength", "maxProperties")
    inner = [schema[name] for name in ("propertyNames", "additionalProperties") if isinstance(schema.get(name), dict)]
    choices = [choice for choice in schema.get("enum", ()) if isinstance(choice, int)]
    return {float(schema[name]) for name in names if name in schema}.union(choices, *map(bounds, inner))


def numbers(text: str) -> set[float]:
    """Every number of a cell; those in code are no limits."""
    plain = re.sub(r"`[^`]*`", "", text.replace(LARGEST_SEED, str(2**63 - 1)))
    return {float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", plain)}


def default_for(task: str, cell: str) -> str:
    """Of `1, for `style` and `generate` 3` what concerns the task."""
    usual, _, special = cell.partition(", for ")
    who, value = re.findall(r"`(\w+)`(?= and |\s)", special), special.rpartition(" ")[2]
    return value if task in who else usual


def shown(default: object) -> set[str]:
    """How the page may write a default."""
    match default:
        case None:
            return set(UNSET)
        case "":
            return {"empty"}
        case bool():
            return {str(default).lower()}
        case str():
            return {f"`{default}`"}
        case _:
            return {f"{default:g}"}


def complaints(page: str, described: dict[str, Any]) -> Iterator[str]:
    """Where page and description differ."""
    schemas, table = described["components"]["schemas"], rows(page)
    fields = {task: schemas[f"{task.capitalize()}Json"]["properties"] for task in TASKS}
    for name, row in table.items():
        if row.tasks != {task for task in TASKS if name in fields[task]}:
            yield f"{name}: tasks"
    for task, properties in fields.items():
        for name in properties.keys() - FILES - {"task", "output"}:
            row, whole = table[name], properties[name]
            schema = not_null(whole)
            choices = [choice for choice in schema.get("enum", ()) if isinstance(choice, str)]
            if choices and re.findall(r"`(\w+)`", row.values) != choices:
                yield f"{task}: {name}: choices"
            if numbers(row.values) != bounds(schema):
                yield f"{task}: {name}: {sorted(numbers(row.values))} instead of {sorted(bounds(schema))}"
            default = whole.get("default", "")  # an object: what is left out is empty
            if default_for(task, row.default) not in shown(default):
                yield f"{task}: {name}: default {row.default} instead of {default}"
    yield from complaints_of_output(table["output"], schemas["OutputSpec"]["properties"])


def complaints_of_output(row: Row, schema: dict[str, Any]) -> Iterator[str]:
    formats, quality = schema["format"], schema["quality"]
    choices = r" \| ".join(f'"{one}"' for one in formats["enum"])
    values = f'`{{"format": {choices}, "quality": {quality["minimum"]}–{quality["maximum"]}}}`'
    if row.values != values:
        yield f"output: {row.values} instead of {values}"
    if row.default != f"{formats['default']}, {quality['default']}":
        yield f"output: default {row.default}"


def test_limits_choices_and_defaults_are_those_of_the_description(described: dict[str, Any]) -> None:
    assert list(complaints(PAGE, described)) == []
    assert re.findall(r"`(\w+)`", rows(PAGE)["task"].values) == list(TASKS)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("| 1 to 100 | 20 |", "| 1 to 101 | 20 |"),
        ("| 1 to 100 | 20 |", "| 1 to 100 | 21 |"),
        ("for `style` and `generate` 3", "for `style` and `generate` 4"),
        ("for `style` and `generate` 3", "for `generate` 3"),
        ("0 to 2⁶³ − 1", "0 to 2⁶²"),
        ("up to 2000 characters", "up to 1999 characters"),
        ("64 and 512 characters", "64 and 511 characters"),
        ("2, 4, 8", "2, 4, 16"),
        ("`keep_white`, `transparent_repaints`", "`transparent_repaints`"),
        ('"quality": 1–100', '"quality": 0–100'),
        ("png, 90", "png, 95"),
        ("| -180 to 180 |", "| 0 to 180 |"),
        ("| true, false | true |", "| true, false | false |"),
        ("| `upscale` | 2", "| `deblur` | 2"),
    ],
)
def test_a_number_that_differs_would_be_noticed(described: dict[str, Any], right: str, wrong: str) -> None:
    assert right in PAGE
    assert list(complaints(PAGE.replace(right, wrong), described)) != []


def parameter(described: dict[str, Any], path: str, method: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = described["paths"][path][method]["parameters"]
    (schema,) = [one["schema"] for one in found if one["name"].lower() == name]
    return dict(schema)


def test_limits_of_queries_and_headers_are_those_of_the_description(described: dict[str, Any]) -> None:
    limit = parameter(described, "/v1/jobs", "get", "limit")
    assert f"`limit` is {limit['minimum']} to {limit['maximum']} ({limit['default']})" in PAGE
    longest_key = re.findall(r"\d+", parameter(described, "/v1/jobs", "post", "idempotency-key")["pattern"])[-1]
    assert f"With an `Idempotency-Key` (up to {longest_key}\n" in PAGE
    limits = described["paths"]["/v1/limits"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert f"holds the answer until the job is final, {limits['max_wait_s']} seconds at most" in PAGE
    assert (
        f"({limits['max_wait_s']} at most)" in parameter(described, "/v1/jobs/{job_id}", "get", "prefer")["description"]
    )
    assert f"**Any size** from {limits['min_side_px']} px a side" in PAGE


def test_limits_of_openais_parameters_are_those_of_the_description(described: dict[str, Any]) -> None:
    body = described["paths"]["/v1/images/generations"]["post"]["requestBody"]["content"]["application/json"]
    fields = {name: not_null(one) for name, one in body["schema"]["properties"].items()}
    table = PAGE.partition("## OpenAI's client")[2].partition("- **Everything else")[0]
    n, compression = fields["n"], fields["output_compression"]
    assert f"| as everywhere: {n['minimum']} to {n['maximum']}," in table
    assert f"| {compression['minimum']} to {compression['maximum']}: the `quality`" in table
    assert "| " + ", ".join(f"`{one}`" for one in fields["output_format"]["enum"]) + " |" in table
    default = described["components"]["schemas"]["OutputSpec"]["properties"]["quality"]["default"]
    assert f"{default} if left out" in table
    assert f"{default} if left out" in compression["description"]
