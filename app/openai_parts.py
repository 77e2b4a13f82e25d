"""The routes for OpenAI's clients in the OpenAPI description."""

from collections.abc import Iterable
from typing import Any

from app import problem_types
from app.openai_errors import error_body, status_of
from app.openapi_examples import FILE_EXAMPLE, JOB_ID, Part, picture_example
from app.problem_types import EVERYWHERE, SUBMIT_PROBLEMS, UNAUTHORIZED, ProblemType
from jobs.spec import GenerateSpec

_FILE: Part = {"type": "string", "format": "binary"}
_IN_JSON: Part = {
    "description": "Base64, a data URL, or an object with either as `image_url`.",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"image_url": {"type": "string"}},
            "required": ["image_url"],
            "additionalProperties": False,
        },
    ],
}
_SIDE = "(6[4-9]|[7-9][0-9]|[1-9][0-9]{2}|1[0-9]{3}|20[0-3][0-9]|204[0-8])"
"""64 to 2048 pixels."""
_PROMPT: Part = GenerateSpec.model_json_schema()["properties"]["prompt"]
_TEXT = {name: _PROMPT[name] for name in ("type", "maxLength", "pattern")}
_FIELDS: dict[str, Part] = {
    "prompt": {**_TEXT, "description": "What the picture shows, in words."},
    "model": {"type": "string", "description": "An id of `GET /v1/models`; any if left out."},
    "n": {"type": "integer", "minimum": 1, "maximum": 8, "default": 1},
    "size": {"type": "string", "pattern": f"^(auto|{_SIDE}x{_SIDE})$", "default": "auto", "examples": ["512x512"]},
    "response_format": {"type": "string", "enum": ["b64_json", "url"], "default": "b64_json"},
    "output_format": {"type": "string", "enum": ["png", "webp", "jpeg"], "default": "png"},
    "output_compression": {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "description": "Quality of webp and jpeg, 90 if left out; 0 is 1. For png only 100.",
    },
    "user": {"type": "string", "maxLength": 512, "description": "Kept in the job's `metadata`."},
    "safety_identifier": {"type": "string", "maxLength": 512, "description": "Likewise."},
    **{name: {"type": "string", "enum": ["auto"]} for name in ("background", "moderation", "quality", "style")},
    "stream": {"type": "boolean", "enum": [False]},
    "partial_images": {"type": "integer", "enum": [0]},
}
_JSON_FIELDS: dict[str, Part] = {
    name: schema if name == "prompt" else {"anyOf": [schema, {"type": "null"}]} for name, schema in _FIELDS.items()
}
"""OpenAI's clients write null for what is left out."""
_COMPRESSED: Part = {
    "anyOf": [
        {"properties": {"output_format": {"enum": ["webp", "jpeg"]}}, "required": ["output_format"]},
        {"properties": {"output_compression": {"enum": [100, None]}}},
    ]
}
"""Only formats that can lose something take how much."""
_ERROR: Part = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The parameter that it is about."},
                "code": {"type": "string", "description": "Stable name of the problem; `docs/api.md` lists them all."},
            },
        }
    },
}
_PROBLEMS = (
    *SUBMIT_PROBLEMS,
    UNAUTHORIZED,
    problem_types.JOB_NOT_FOUND,
    problem_types.JOB_FAILED,
    problem_types.JOB_CANCELED,
    problem_types.RESULT_EXPIRED,
    problem_types.WAIT_TIMEOUT,
    *EVERYWHERE,
)


def openai_responses() -> dict[int | str, Part]:
    """Answers by status, each with an example."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in _PROBLEMS:
        by_status.setdefault(status_of(kind), []).append(kind)
    pictures = {"b64_json": picture_example("RGB", "teal")}, {"url": f"http://127.0.0.1:8000/v1/jobs/{JOB_ID}/result/0"}
    examples = {name: {"value": {"created": 1767225600, "data": [one]}} for one in pictures for name in one}
    errors: dict[int | str, Part] = {status: _error_response(kinds) for status, kinds in sorted(by_status.items())}
    return {200: {"content": {"application/json": {"examples": examples}}}, **errors}


def _error_response(kinds: Iterable[ProblemType]) -> Part:
    return {
        "description": " · ".join(f"`{kind.code}`: {kind.title}." for kind in kinds),
        "content": {
            "application/json": {
                "schema": _ERROR,
                "examples": {
                    kind.code: {"summary": kind.title, "value": error_body(kind, kind.cause)} for kind in kinds
                },
            }
        },
    }


def generation_body() -> Part:
    """The body of `POST /v1/images/generations`."""
    example = {"prompt": "a red butterfly", "n": 2, "output_format": "webp"}
    return {
        "required": True,
        "content": {"application/json": {"schema": _schema({}, _JSON_FIELDS), "example": example}},
    }


def edit_body() -> Part:
    """The body of `POST /v1/images/edits`, as OpenAI's clients send it and as JSON; a picture has two names in both."""
    one: dict[str, Any] = {"type": "array", "items": _IN_JSON, "minItems": 1, "maxItems": 1}
    forms = [_schema({name: _FILE}, _FIELDS, mask=_FILE) for name in ("image", "image[]")]
    bodies = [
        _schema({name: schema}, _JSON_FIELDS, mask=_IN_JSON) for name, schema in (("image", _IN_JSON), ("images", one))
    ]
    asked = {"prompt": "a red butterfly", "n": 2}
    in_form = {"image": FILE_EXAMPLE, "mask": FILE_EXAMPLE, **asked}
    in_json = {"image": picture_example("RGB", "teal"), "mask": picture_example("RGBA", "teal"), **asked}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"anyOf": forms}, "example": in_form},
            "application/json": {"schema": {"anyOf": bodies}, "example": in_json},
        },
    }


def _schema(pictures: dict[str, Part], fields: dict[str, Part], **more: Part) -> Part:
    return {
        "type": "object",
        "properties": pictures | more | fields,
        "required": ["prompt", *pictures],
        "additionalProperties": False,
        **_COMPRESSED,
    }
