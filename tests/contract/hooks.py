"""What Schemathesis must know of us: what files look like, and which refusals of valid data a schema cannot foresee."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure

from tests.app.pictures import encoded, gradient, mask_png, picture_png
from tests.contract.forms import fits_as_sent

FORESEEABLE = frozenset(
    {
        "bad_request",
        "invalid_json",
        "invalid_multipart",
        "duplicate_field",
        "missing_field",
        "unknown_field",
        "invalid_field",
        "unsupported_media_type",
    }
)
"""Problems that a body which fits its schema must not meet."""

OPAQUE = frozenset({"/cursor"})
"""Fields that must be as the service itself gave them."""

_EVENT_ID = re.compile("[0-9]{1,20}-[0-9]{1,20}")
_FILES = {
    "<a picture>": picture_png(),
    "<a mask>": mask_png(),
    "<a JPEG>": encoded(gradient(), "JPEG"),
    "<a WebP with alpha>": encoded(gradient(mode="RGBA"), "WEBP"),
    "<nothing>": b"",
    "<half a GIF>": b"GIF89a",
}
"""By words that stand for them until they are sent: Schemathesis cannot judge bytes by a schema with `anyOf`."""
_WORDS = {content: word for word, content in _FILES.items()}

schemathesis.openapi.format("binary", st.sampled_from(sorted(_FILES)))


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Puts the files in the words' places."""
    _swap(case, _FILES)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Puts the words back, for the checks."""
    _swap(case, _WORDS)


def _swap(case: Case[Any], new: Mapping[Any, Any]) -> None:
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        for name, value in case.body.items():
            if isinstance(value, str | bytes) and value in new:
                case.body[name] = new[value]


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """What is wrong in a form before it is sent may be right when it arrives; JSON is held to its types."""
    in_form = isinstance(failure, AcceptedNegativeData) and case.media_type == "multipart/form-data"
    return not (in_form and fits_as_sent(case, response))


@schemathesis.check
def foreseeable_rejection(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """The stricter half of `positive_data_acceptance`, which cannot look at a problem's code."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE or response.status_code < 400:
        return None
    if not _EVENT_ID.fullmatch(str(dict(case.headers or {}).get("Last-Event-ID", "0-0"))):
        return (
            None  # for a header with a pattern, Schemathesis puts its first wrong value into cases that it calls valid
        )
    body = response.json()
    error = body.get("error")
    code, field = (body["code"], body.get("pointer")) if error is None else (error["code"], error["param"])
    if field in OPAQUE or (case.path == "/v1/images/edits" and field == "size"):  # that of the picture, or auto
        return None
    assert code not in FORESEEABLE, f"a request that fits the schema was refused as {code}: {response.text[:500]}"
    return None
