"""Request bodies in the OpenAPI description: those that FastAPI does not read for us."""

from typing import get_args

from pydantic import BaseModel

from app.openapi_examples import FILE_EXAMPLE, Part, picture_example
from app.openapi_parts import SCHEMAS, FieldErrorBody, ProblemBody, unauthorized
from app.task_files import TASK_FILES, TaskFiles, url_field
from jobs.spec import AnySpec, CommonSpec, OutputSpec

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
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _never_null(parameter["schema"])
            if "security" in operation:
                operation["responses"].setdefault("401", unauthorized())
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
            if suffix == "Form":
                schema["properties"] = {field: _never_null(one) for field, one in schema["properties"].items()}
            files = (*takes.required, *takes.optional) if file_schema is not None else ()
            schema["properties"] |= dict.fromkeys(files, file_schema)
            schema["required"] = ["task", *(file for file in takes.required if file in files)]
            if url_inputs:
                _allow_urls(schema, (*takes.required, *takes.optional))
            found[f"{name}{suffix}"] = schema | {"title": f"{name}{suffix}"}
        found[f"{name}ParamsForm"] = _params_form(name, takes, url_inputs=url_inputs)
    return found


def _params_form(name: str, takes: TaskFiles, *, url_inputs: bool) -> Part:
    return {
        "title": f"{name}ParamsForm",
        "type": "object",
        "description": "All parameters as one JSON part, beside the files.",
        "properties": {
            "params": {"$ref": f"{SCHEMAS}{name}Params"},
            **dict.fromkeys((*takes.required, *takes.optional), _FILE),
        },
        "required": ["params", *(() if url_inputs else takes.required)],  # a URL in `params` may stand for the file
        "additionalProperties": False,
    }


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


def _never_null(schema: Part) -> Part:
    """Headers, queries and fields of forms travel as text: they are sent or left out, and `null` would be a word."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest: Part = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**kinds[0], **rest}


def _one_of(suffix: str) -> Part:
    return {
        "oneOf": [{"$ref": f"{SCHEMAS}{name}{suffix}"} for name in _TASKS],
        "discriminator": {
            "propertyName": "task",
            "mapping": {name.lower(): f"{SCHEMAS}{name}{suffix}" for name in _TASKS},
        },
    }


def submission_body() -> Part:
    """The request body of `POST /v1/jobs`, with an example of each task that can be sent as it is."""
    picture, mask = picture_example("RGB", "teal"), picture_example("L", "white")
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
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": _one_of("Json"),
                "examples": {name: {"value": value} for name, value in examples.items()},
            },
            "multipart/form-data": {
                "schema": {"anyOf": [*_one_of("Form")["oneOf"], *_one_of("ParamsForm")["oneOf"]]},
                "examples": {
                    "fields": {"value": {"task": "complete", "image": FILE_EXAMPLE, "keep": "left", "fraction": 0.5}},
                    "params": {"value": {"params": {"task": "style", "prompt": "a house"}, "reference": FILE_EXAMPLE}},
                },
                "encoding": {
                    "params": {"contentType": "application/json"},
                    "output": {"contentType": "application/json"},
                    "metadata": {"contentType": "application/json"},
                },
            },
        },
    }
