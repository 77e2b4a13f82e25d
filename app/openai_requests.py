"""What OpenAI's clients send, read into submissions of jobs. What has no meaning here is refused, not ignored."""

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from app import problem_types
from app.bodies import JSON, MAX_TEXT_BYTES, Submission, body_type, decode_base64, parse_object
from app.images import read_picture
from app.multipart import read_form
from app.problems import Problem, pointing_at
from app.services import Services
from app.validation import json_pointer

_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}", re.ASCII)
_LEAST_QUALITY = 1
_FORMATS = ("b64_json", "url")
_NEEDLESS: dict[str, tuple[object, ...]] = {
    "background": ("auto",),
    "moderation": ("auto",),
    "partial_images": (0, "0"),
    "quality": ("auto",),
    "stream": (False, "false"),
    "style": ("auto",),
}
"""Parameters that ask for nothing with these values; with any other they are refused."""


@dataclass(frozen=True)
class Asked:
    """A job to submit, and whether its pictures are answered as addresses instead of bytes."""

    submission: Submission
    as_url: bool


@dataclass
class _Given:
    """A body by name: `fields` are taken out as they are understood; `text` if they came as text of a form."""

    fields: dict[str, Any]
    text: bool
    files: dict[str, bytes] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)


async def read_generation(request: Request, services: Services) -> Asked:
    """A picture from words.

    Raises:
        Problem: something is missing, wrong, or has no meaning here.
    """
    given = await _read(request, services)
    for name in given.files:
        raise _wrong(problem_types.UNKNOWN_FIELD, name, "is not a file that this request takes.")
    size_px = _size_px(given)
    size = {} if size_px is None else {"width_px": size_px[0], "height_px": size_px[1]}
    return _asked(given, {"task": "generate", **size})


async def read_edit(request: Request, services: Services) -> Asked:
    """A picture that is painted anew where the mask, or else the picture itself, is transparent.

    Raises:
        Problem: something is missing, wrong, or has no meaning here.
    """
    given = await _read(request, services)
    _take_pictures(given)
    if size_px := _size_px(given):
        await services.decoded(_check_size, given, services, size_px)
    return _asked(given, {"task": "inpaint", "mask_polarity": "transparent_repaints"})


async def _read(request: Request, services: Services) -> _Given:
    if body_type(request) == JSON:
        fields = await services.decoded(parse_object, await request.body(), "The body")
        return _Given({name: value for name, value in fields.items() if value is not None}, text=False)
    limit = services.settings.max_upload_bytes
    form = await read_form(request, max_file_bytes=limit, max_text_bytes=MAX_TEXT_BYTES)
    return _Given(dict(form.texts), text=True, files=dict(form.files))


def _asked(given: _Given, fields: dict[str, Any]) -> Asked:
    """What is left of the body after pictures and size."""
    rest = given.fields
    if "prompt" not in rest:
        raise _wrong(problem_types.MISSING_FIELD, "prompt", "is required.")
    answer = rest.pop("response_format", _FORMATS[0])
    if answer not in _FORMATS:
        raise _wrong(problem_types.INVALID_FIELD, "response_format", f"must be one of {', '.join(_FORMATS)}.")
    fields |= {name: rest.pop(name) for name in ("prompt", "n", "model") if name in rest}
    if output := _output(given):
        fields["output"] = output
    users = {name: rest.pop(name) for name in ("user", "safety_identifier") if name in rest}
    if users:
        fields["metadata"] = users
    _refuse_rest(rest)
    plain = frozenset({"n"} & fields.keys()) if given.text else frozenset()
    return Asked(Submission(fields, given.files, plain, given.urls), answer == "url")


def _output(given: _Given) -> dict[str, Any]:
    """What is called compression there is quality here. A PNG has none, so it can only be asked to lose nothing."""
    rest = given.fields
    output = {"format": rest.pop("output_format")} if "output_format" in rest else {}
    if "output_compression" not in rest:
        return output
    percent = rest.pop("output_compression")
    if given.text and isinstance(percent, str) and _PERCENT.fullmatch(percent):
        percent = int(percent)
    if type(percent) is not int or not 0 <= percent <= 100:
        raise _wrong(problem_types.INVALID_FIELD, "output_compression", "must be a whole number from 0 to 100.")
    if output.get("format", "png") != "png":
        return output | {"quality": max(percent, _LEAST_QUALITY)}
    if percent != 100:
        raise _wrong(problem_types.INVALID_FIELD, "output_compression", "must be 100, or left out, for png.")
    return output


def _refuse_rest(rest: dict[str, Any]) -> None:
    for name, value in rest.items():
        needless = _NEEDLESS.get(name)
        if needless is None:
            raise _wrong(problem_types.UNKNOWN_FIELD, name, "is not supported by this service.")
        if not any(value == one and type(value) is type(one) for one in needless):
            raise _wrong(problem_types.INVALID_FIELD, name, f"must be {str(needless[0]).lower()}, or left out.")


def _take_pictures(given: _Given) -> None:
    """`image` or `image[]` of a form; `image`, `mask` or OpenAI's `images` of JSON."""
    if given.text:
        if "image[]" in given.files:
            if "image" in given.files:
                raise _wrong(problem_types.DUPLICATE_FIELD, "image[]", "is given beside image.")
            given.files["image"] = given.files.pop("image[]")
        for name in given.files.keys() - {"image", "mask"}:
            raise _wrong(problem_types.UNKNOWN_FIELD, name, "is not a file that this request takes.")
        return
    images = given.fields.pop("images", None)
    if images is not None:
        if not isinstance(images, list) or len(images) != 1 or "image" in given.fields:
            raise _wrong(problem_types.INVALID_FIELD, "images", "must be one picture: one is edited at a time.")
        given.fields["image"] = images[0]
    for name in ("image", "mask"):
        if name in given.fields:
            _take_picture(given, name, given.fields.pop(name))


def _take_picture(given: _Given, name: str, value: object) -> None:
    if isinstance(value, dict):
        if set(value) != {"image_url"}:
            raise _wrong(problem_types.INVALID_FIELD, name, "must have image_url, and nothing else.")
        value = value["image_url"]
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        given.urls[name] = value
        return
    with pointing_at(f"/{name}"):
        given.files[name] = decode_base64(value)


def _size_px(given: _Given) -> tuple[int, int] | None:
    size = given.fields.pop("size", "auto")
    if size == "auto":
        return None
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise _wrong(problem_types.INVALID_FIELD, "size", "must be auto, or width and height in pixels as in 512x512.")
    return int(found[1]), int(found[2])


def _check_size(given: _Given, services: Services, size_px: tuple[int, int]) -> None:
    """An edited picture keeps its size. Works on pixels: only upright the picture has its true size."""
    if "image" not in given.files:
        if "image" in given.urls:
            raise _wrong(problem_types.INVALID_FIELD, "size", "must be auto, or left out, for a picture with a URL.")
        return
    with pointing_at("/image"):
        width, height = read_picture(given.files["image"], services.settings).size_px
    if size_px != (width, height):
        raise _wrong(problem_types.INVALID_FIELD, "size", f"must be auto, or that of the picture: {width}x{height}.")


def _wrong(kind: problem_types.ProblemType, name: str, what: str) -> Problem:
    pointer = json_pointer([name])
    return Problem(kind, f"{pointer[1:]} {what}", pointer=pointer)
