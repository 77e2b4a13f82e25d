"""Pieces of the OpenAPI description: answers, problems, and the bodies that FastAPI does not read for us."""

import base64
from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

from PIL import Image
from pydantic import BaseModel, Field

from app.images import to_png
from app.problem_types import EVERYWHERE, UNAUTHORIZED, ProblemType
from app.problems import PROBLEM_MEDIA_TYPE
from app.task_files import FILE_FIELDS, TASK_FILES, url_field
from app.views import JobView
from jobs.spec import AnySpec, CommonSpec, OutputSpec

Part = dict[str, Any]
SCHEMAS = "#/components/schemas/"


class FieldErrorBody(BaseModel):
    """One of several complaints."""

    code: str
    pointer: str = Field(description="JSON pointer into the parameters.")
    detail: str


class ProblemBody(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(description="Address of the explanation, relative to this service.")
    title: str
    status: int
    detail: str = Field(description="What was wrong this time.")
    code: str = Field(description="Stable name of the problem; `docs/api.md` lists them all.")
    pointer: str | None = Field(None, description="JSON pointer to the parameter or file it is about.")
    request_id: str = Field(description="Also in the header `X-Request-ID` and in the service's log.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    errors: list[FieldErrorBody] | None = Field(None, description="All complaints, if there are several (20 at most).")


def _header(description: str, kind: str = "string") -> Part:
    return {"description": description, "schema": {"type": kind}}


_REQUEST_ID = {"X-Request-ID": _header("The id given with the request, or a new one.")}
_RETRY_AFTER = {"Retry-After": _header("Seconds after which asking again makes sense.", "integer")}
_ETAG = {"ETag": _header("Validator for If-None-Match.")}
_JOB_HEADERS = _REQUEST_ID | _RETRY_AFTER | _ETAG
_RATE = {
    "RateLimit-Policy": _header("Submissions `q` that one API key may send within `w` seconds."),
    "RateLimit": _header("Submissions `r` that are left, and seconds `t` until there is one more."),
}
_REPLAYED = {"Idempotent-Replayed": _header("`true` if an earlier submission under the same key made this job.")}

JOB: Part = {
    "model": JobView,
    "description": "The job.",
    "headers": _JOB_HEADERS | {"Preference-Applied": _header("The wait that was granted.")},
}
JOB_ACCEPTED: Part = {
    "model": JobView,
    "description": "Accepted: the job is on the queue.",
    "headers": _JOB_HEADERS | _RATE | _REPLAYED | {"Location": _header("Where to follow the job.")},
}
JOB_REPLAYED: Part = JOB_ACCEPTED | {"description": "The job that the same submission made before; it has ended."}
JOB_CANCELED_NOW: Part = {"model": JobView, "description": "Canceled.", "headers": _JOB_HEADERS}
JOB_WILL_CANCEL: Part = {
    "model": JobView,
    "description": "Running; it stops within one evaluation.",
    "headers": _JOB_HEADERS,
}
NOT_MODIFIED: Part = {"description": "The client has it already.", "headers": _ETAG}
PICTURE: Part = {
    "description": "The encoded picture.",
    "headers": _ETAG | {"Content-Disposition": _header("A file name to save it under.")},
    "content": {
        f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in ("png", "webp", "jpeg")
    },
}
PICTURE_ELSEWHERE: Part = {
    "description": "The picture is at `Location`, for a short time and without a key.",
    "headers": _REQUEST_ID | {"Location": _header("A presigned address at the store of pictures.")},
}

EVENTS: Part = {
    "description": "Server-sent events: what has happened and what happens, until the job is final.",
    "headers": _REQUEST_ID,
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": "id: 1767225600000-0\nevent: progress\n"
            'data: {"attempt": 1, "step": 3, "steps": 20, "eta_s": 1.7}\n\n',
        }
    },
}
NOTHING_LEFT: Part = {
    "description": "The job has ended and the client has its last event; browsers then do not come back.",
    "headers": _REQUEST_ID,
}


def responses(answers: dict[int, Part], problems: Iterable[ProblemType]) -> dict[int | str, Part]:
    """The `responses` of a route: its answers, its problems, and those that every route may meet."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in (*problems, *EVERYWHERE):
        by_status.setdefault(kind.status, []).append(kind)
    described: dict[int | str, Part] = dict(answers.items())
    return described | {status: _problem_response(kinds) for status, kinds in sorted(by_status.items())}


def _problem_response(kinds: list[ProblemType]) -> Part:
    headers = dict(_REQUEST_ID)
    if any(kind.retryable for kind in kinds):
        headers |= _RETRY_AFTER
    return {
        "description": " · ".join(f"`{kind.code}`: {kind.title}." for kind in kinds),
        "headers": headers,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": f"{SCHEMAS}ProblemBody"},
                "examples": {kind.code: {"summary": kind.title, "value": _example(kind)} for kind in kinds},
            }
        },
    }


def _unauthorized() -> Part:
    response = _problem_response([UNAUTHORIZED])
    response["headers"]["WWW-Authenticate"] = _header("`Bearer`, with `error` if a key was sent.")
    return response


def _example(kind: ProblemType) -> Part:
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.cause,
        "code": kind.code,
        "request_id": "5f0c1d5e7b6a4d6c9e0f8a7b6c5d4e3f",
        "retryable": kind.retryable,
    }


_BASE64: Part = {"type": "string", "contentEncoding": "base64", "description": "The file in base64, or a data URL."}
_FILE: Part = {"type": "string", "format": "binary", "description": "The file; its content decides its type."}
_URL: Part = {"type": "string", "format": "uri", "description": "Where the service shall fetch the file."}
_TASKS: dict[str, type[CommonSpec]] = {spec.__name__.removesuffix("Spec"): spec for spec in get_args(AnySpec)}


def complete(described: Part, *, url_inputs: bool = False) -> Part:
    """Adds the schemas that only we know, and takes out FastAPI's own validation errors: here they are problems."""
    schemas = described["components"]["schemas"]
    schemas |= component_schemas(url_inputs=url_inputs)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in described["paths"].values():
        for operation in methods.values():
            if "security" in operation:
                operation["responses"].setdefault("401", _unauthorized())
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    return described


def component_schemas(*, url_inputs: bool = False) -> dict[str, Part]:
    """Schemas of the bodies: for each task one as JSON and one as a form, and what they refer to.

    With `url_inputs`, a file's URL may stand for each file.
    """
    found: dict[str, Part] = {
        "OutputSpec": OutputSpec.model_json_schema(),
        "FieldErrorBody": FieldErrorBody.model_json_schema(),
        "ProblemBody": _without_definitions(ProblemBody),
    }
    for name, spec in _TASKS.items():
        takes = TASK_FILES[name.lower()]
        for suffix, file_schema in (("Json", _BASE64), ("Form", _FILE), ("Params", None)):
            schema = _without_definitions(spec)
            files = (*takes.required, *takes.optional) if file_schema is not None else ()
            schema["properties"] |= dict.fromkeys(files, file_schema)
            schema["required"] = ["task", *(file for file in takes.required if file in files)]
            if url_inputs:
                _allow_urls(schema, (*takes.required, *takes.optional))
            found[f"{name}{suffix}"] = schema | {"title": f"{name}{suffix}"}
    found["ParamsForm"] = {
        "title": "ParamsForm",
        "type": "object",
        "description": "All parameters as one JSON part, beside the files.",
        "properties": {"params": _one_of("Params"), **dict.fromkeys(FILE_FIELDS, _FILE)},
        "required": ["params"],
        "additionalProperties": False,
    }
    return found


def _allow_urls(schema: Part, files: tuple[str, ...]) -> None:
    schema["properties"] |= {url_field(file): _URL for file in files}
    either = [file for file in files if file in schema["required"]]
    schema["required"] = [name for name in schema["required"] if name not in either]
    if either:
        schema["allOf"] = [{"oneOf": [{"required": [file]}, {"required": [url_field(file)]}]} for file in either]


def _without_definitions(model: type[BaseModel]) -> Part:
    schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
    schema.pop("$defs", None)
    return schema


def _one_of(suffix: str) -> Part:
    return {
        "oneOf": [{"$ref": f"{SCHEMAS}{name}{suffix}"} for name in _TASKS],
        "discriminator": {
            "propertyName": "task",
            "mapping": {name.lower(): f"{SCHEMAS}{name}{suffix}" for name in _TASKS},
        },
    }


@cache
def _picture_example(mode: str, colour: str) -> str:
    image = Image.new(mode, (64, 64))
    image.paste(colour, (16, 16, 48, 48))
    return base64.b64encode(to_png(image)).decode()


def submission_body() -> Part:
    """The request body of `POST /v1/jobs`, with an example of each task that can be sent as it is."""
    picture, mask = _picture_example("RGB", "teal"), _picture_example("L", "white")
    examples: dict[str, Part] = {
        "complete": {"task": "complete", "image": picture, "keep": "left", "fraction": 0.5, "seed": 7},
        "inpaint": {"task": "inpaint", "image": picture, "mask": f"data:image/png;base64,{mask}", "steps": 20},
        "outpaint": {"task": "outpaint", "image": picture, "left_px": 32, "right_px": 32},
        "upscale": {"task": "upscale", "image": picture, "factor": 2},
        "colorize": {"task": "colorize", "image": picture, "prompt": "a teal square"},
        "deblur": {"task": "deblur", "image": picture, "kernel": "gaussian", "sigma_px": 2.0},
        "style": {"task": "style", "reference": picture, "prompt": "a vase"},
        "generate": {"task": "generate", "prompt": "a red butterfly", "output": {"format": "webp", "quality": 90}},
    }
    forms = _one_of("Form")
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": _one_of("Json"),
                "examples": {name: {"value": value} for name, value in examples.items()},
            },
            "multipart/form-data": {
                "schema": {"oneOf": [*forms["oneOf"], {"$ref": f"{SCHEMAS}ParamsForm"}]},
                "encoding": {
                    "params": {"contentType": "application/json"},
                    "output": {"contentType": "application/json"},
                    "metadata": {"contentType": "application/json"},
                },
            },
        },
    }
