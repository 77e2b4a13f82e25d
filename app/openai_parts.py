"""The routes for OpenAI's clients in the OpenAPI description."""

from collections.abc import Iterable
from typing import Any

from app import problem_types
from app.openai_errors import error_body, status_of
from app.openapi_parts import Part
from app.problem_types import EVERYWHERE, SUBMIT_PROBLEMS, UNAUTHORIZED, ProblemType

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
_FIELDS: dict[str, Part] = {
    "prompt": {"type": "string", "maxLength": 2000, "description": "What the picture shows, in words."},
    "model": {"type": "string", "description": "An id of `GET /v1/models`; any if left out."},
    "n": {"type": "integer", "minimum": 1, "maximum": 8, "default": 1},
    "size": {"type": "string", "default": "auto", "examples": ["auto", "512x512"]},
    "response_format": {"type": "string", "enum": ["b64_json", "url"], "default": "b64_json"},
    "output_format": {"type": "string", "enum": ["png", "webp", "jpeg"], "default": "png"},
    "user": {"type": "string", "maxLength": 512, "description": "Kept in the job's `metadata`."},
    "safety_identifier": {"type": "string", "maxLength": 512, "description": "Likewise."},
    **{name: {"type": "string", "enum": ["auto"]} for name in ("background", "moderation", "quality", "style")},
    "stream": {"type": "boolean", "enum": [False]},
    "partial_images": {"type": "integer", "enum": [0]},
}
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
    """Errors by status, each with an example."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in _PROBLEMS:
        by_status.setdefault(status_of(kind), []).append(kind)
    return {status: _error_response(kinds) for status, kinds in sorted(by_status.items())}


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
    return {"required": True, "content": {"application/json": {"schema": _schema({}, ["prompt"]), "example": example}}}


def edit_body() -> Part:
    """The body of `POST /v1/images/edits`, as OpenAI's clients send it and as JSON."""
    one: dict[str, Any] = {"type": "array", "items": _IN_JSON, "minItems": 1, "maxItems": 1}
    form = _schema({"image": _FILE, "image[]": _FILE, "mask": _FILE}, ["prompt"])
    body = _schema({"image": _IN_JSON, "images": one, "mask": _IN_JSON}, ["prompt"])
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": form}, "application/json": {"schema": body}},
    }


def _schema(pictures: dict[str, Part], required: list[str]) -> Part:
    return {"type": "object", "properties": pictures | _FIELDS, "required": required, "additionalProperties": False}
