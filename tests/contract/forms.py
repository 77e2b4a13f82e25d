"""Whether a form fits its schema as it arrives: all is text there, so a number sent as a string is the number again.

Schemathesis asks the same where the schema of the form is not an `anyOf`; ours is one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import jsonschema_rs
from schemathesis import Case, Response

_BOOLEANS = {"1": True, "yes": True, "on": True, "0": False, "no": False, "off": False}


def fits_as_sent(case: Case[Any], response: Response) -> bool:
    """Whether the parts that were sent are what one of the alternatives allows."""
    described: dict[str, Any] = case.operation.schema.raw_schema
    operation = described["paths"][case.operation.path][case.operation.method.lower()]
    alternatives = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["anyOf"]
    parts = _sent_parts(response)
    return parts is not None and any(fits(parts, one, described["components"]) for one in alternatives)


def fits(parts: dict[str, str], schema: dict[str, Any], components: dict[str, Any]) -> bool:
    """Whether these texts, each read as its field's type, are what the schema of one form allows."""
    if "$ref" in schema:
        schema = components["schemas"][schema["$ref"].rpartition("/")[2]]
    fields: dict[str, Any] = schema["properties"]
    read = {name: _reading(text, fields.get(name, {}), components) for name, text in parts.items()}
    return _is_valid(read, schema, components)


def _reading(text: str, schema: dict[str, Any], components: dict[str, Any]) -> object:
    readings: list[object] = [text]
    if text.lower() in _BOOLEANS:
        readings.append(_BOOLEANS[text.lower()])
    with suppress(ValueError):
        readings.append(json.loads(text))
    return next((reading for reading in readings if _is_valid(reading, schema, components)), text)


def _is_valid(value: object, schema: dict[str, Any], components: dict[str, Any]) -> bool:
    return jsonschema_rs.Draft202012Validator({**schema, "components": components}).is_valid(value)


def _sent_parts(response: Response) -> dict[str, str] | None:
    """Text of all parts by name; None if one is sent twice. Files read as text are text enough for a schema."""
    content, kind = response.request.body, response.request.headers["Content-Type"]
    if not isinstance(content, bytes) or not isinstance(kind, str):
        return None
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
    parts: dict[str, str] = {}
    for part in message.iter_parts():
        name, payload = str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True)
        if name in parts:
            return None
        parts[name] = payload.decode(errors="replace") if isinstance(payload, bytes) else ""
    return parts
