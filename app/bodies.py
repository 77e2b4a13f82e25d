"""The two bodies a job may come in, read into one meaning: parameters by name, and files by name."""

import json
import math
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from app import problem_types
from app.multipart import read_form
from app.problems import Problem, pointing_at
from app.services import Services
from app.task_files import FILE_FIELDS, MOST_FILES, url_field
from app.validation import json_pointer
from jobs.settings import Settings

MULTIPART, JSON = "multipart/form-data", "application/json"
MAX_TEXT_BYTES = 2**20
MAX_JSON_MARKS = 20_000
"""Commas and opening brackets, counted before parsing: a few megabytes of `[[],[],…` become gigabytes of lists."""
MAX_NAMES, MAX_DIGITS = 100, 100
_NESTED_FIELDS = ("output", "metadata")


@dataclass(frozen=True)
class Submission:
    """What a client sent: `fields` still unchecked, `files` as bytes, `urls` of files that are still to be fetched.

    `plain` names the fields that came as text and mean what their type makes of it; all others came as JSON.
    """

    fields: dict[str, Any]
    files: dict[str, bytes]
    plain: frozenset[str] = frozenset()
    urls: dict[str, str] = field(default_factory=dict)


def max_body_bytes(settings: Settings) -> int:
    """Bytes of the largest legitimate body: files of the largest size in base64, and the text around them."""
    return MOST_FILES * -(-settings.max_upload_bytes * 4 // 3) + MAX_TEXT_BYTES


async def read_submission(request: Request, services: Services) -> Submission:
    """Reads the body by its content type.

    Raises:
        Problem: the type is another one, or the body is not what its type says.
    """
    if body_type(request) == JSON:
        return await services.decoded(_from_json, await request.body())
    return await _from_multipart(request, services.settings)


def body_type(request: Request) -> str:
    """`MULTIPART` or `JSON`. Raises Problem for everything else, and for compressed bodies."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        detail, headers = "A compressed body is not accepted.", {"Accept-Encoding": "identity"}
        raise Problem(problem_types.UNSUPPORTED_MEDIA_TYPE, detail, headers=headers)
    if media_type in {MULTIPART, JSON}:
        return media_type
    detail, headers = f"Send {MULTIPART} or {JSON}.", {"Accept-Post": f"{MULTIPART}, {JSON}"}
    raise Problem(problem_types.UNSUPPORTED_MEDIA_TYPE, detail, headers=headers)


def _from_json(body: bytes) -> Submission:
    fields = parse_object(body, "The body")
    files: dict[str, bytes] = {}
    for name in FILE_FIELDS:
        if fields.get(name) is not None:
            with pointing_at(f"/{name}"):
                files[name] = decode_base64(fields[name])
        fields.pop(name, None)
    return Submission(fields, files, urls=_take_urls(fields, files))


async def _from_multipart(request: Request, settings: Settings) -> Submission:
    form = await read_form(request, max_file_bytes=settings.max_upload_bytes, max_text_bytes=MAX_TEXT_BYTES)
    files = {name: form.files.pop(name) for name in FILE_FIELDS if name in form.files}
    texts = dict(form.texts)
    params = form.files.pop("params", None) or texts.pop("params", "").encode()
    for name in form.files:
        _refuse(problem_types.UNKNOWN_FIELD, name, "is not a file that this request takes.")
    fields = parse_object(params, "params") if params else {}
    for name, text in texts.items():
        if name in fields:
            _refuse(problem_types.DUPLICATE_FIELD, name, "is given both in params and as a field.")
        fields[name] = parse_object(text.encode(), name) if _is_nested(name, text) else text
    urls = _take_urls(fields, files)
    plain = frozenset(name for name, text in texts.items() if name in fields and not _is_nested(name, text))
    return Submission(fields, files, plain, urls)


def _take_urls(fields: dict[str, Any], files: dict[str, bytes]) -> dict[str, str]:
    """Takes the URLs of files out of the fields, by the names of the files that they stand for."""
    urls: dict[str, str] = {}
    for name in FILE_FIELDS:
        url = fields.pop(url_field(name), None)
        if url is None:
            continue
        if not isinstance(url, str):
            _refuse(problem_types.INVALID_FIELD, url_field(name), "must be a string.")
        if name in files:
            _refuse(problem_types.DUPLICATE_FIELD, url_field(name), f"is given beside the file {name} itself.")
        urls[name] = url
    return urls


def _is_nested(name: str, text: str) -> bool:
    return name in _NESTED_FIELDS and text.lstrip().startswith("{")


def _refuse(kind: problem_types.ProblemType, name: str, what: str) -> None:
    pointer = json_pointer([name])
    raise Problem(kind, f"{pointer[1:]} {what}", pointer=pointer)


def parse_object(text: bytes, what: str) -> dict[str, Any]:
    """A JSON object, strictly: UTF-8, no repeated names, no NaN, no Infinity, no number that becomes one.

    Raises:
        Problem: it is anything else.
    """
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > MAX_JSON_MARKS:
        raise Problem(problem_types.INVALID_JSON, f"{what} has too many parts.")
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise Problem(problem_types.INVALID_JSON, f"{what} is nested too deeply.") from None
    except json.JSONDecodeError as error:
        detail = f"{what} is not valid JSON: {error.msg} at character {error.pos}."
        raise Problem(problem_types.INVALID_JSON, detail) from None
    except UnicodeDecodeError:
        raise Problem(problem_types.INVALID_JSON, f"{what} is not UTF-8.") from None
    except ValueError as error:  # one of those below
        raise Problem(problem_types.INVALID_JSON, f"{what} is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Problem(problem_types.INVALID_JSON, f"{what} must be a JSON object.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise ValueError(f"an object has more than {MAX_NAMES} names")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated in an object")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


def _finite(text: str) -> float | int:
    """A number; 20.0 is the integer 20, as JSON Schema has it."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def decode_base64(text: object) -> bytes:
    """Bytes of standard base64 or of a base64 data URL; the media type of a data URL is not believed, the content is.

    Raises:
        Problem: it is neither.
    """
    if not isinstance(text, str):
        raise Problem(problem_types.INVALID_BASE64, "A file must be a string: base64, or a base64 data URL.")
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise Problem(problem_types.INVALID_BASE64, "The data URL is not a base64 one.")
    try:
        return a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        raise Problem(problem_types.INVALID_BASE64, "The file is not valid base64.") from None
