"""pydantic's complaints as problems: codes, JSON pointers, and sentences that do not repeat the client's input."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from app import problem_types
from app.field_sentences import sentence
from app.problem_types import ProblemType
from app.problems import FieldError, Problem
from jobs.spec import TASKS

MAX_REPORTED_ERRORS = 20
MAX_POINTER_LENGTH = 200

_KINDS = {
    "missing": problem_types.MISSING_FIELD,
    "union_tag_not_found": problem_types.MISSING_FIELD,
    "extra_forbidden": problem_types.UNKNOWN_FIELD,
}


def json_pointer(parts: Sequence[str | int]) -> str:
    """The parts of a location as a JSON pointer (RFC 6901), cut to a sane length."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer if len(pointer) <= MAX_POINTER_LENGTH else pointer[:MAX_POINTER_LENGTH] + "…"


def from_validation_errors(errors: Sequence[ErrorDetails] | Sequence[Any]) -> Problem:
    """One problem for all complaints: the first one leads, `errors` lists up to 20."""
    found = [_field_error(error) for error in errors[:MAX_REPORTED_ERRORS]]
    kind, first = found[0]
    return Problem(kind, first.detail, pointer=first.pointer, errors=tuple(error for _, error in found))


def _field_error(error: ErrorDetails) -> tuple[ProblemType, FieldError]:
    kind = _KINDS.get(error["type"], problem_types.INVALID_FIELD)
    parts = [part for part in error["loc"] if part != "[key]"]  # pydantic's mark for "the name itself is wrong"
    if error["type"].startswith("union_tag"):
        parts = [*parts, "task"]
    elif parts and parts[0] in TASKS:
        parts = parts[1:]  # pydantic names the member of the union; the client has no such level
    pointer = json_pointer(parts)
    return kind, FieldError(kind.code, pointer, sentence(pointer.removeprefix("/") or "body", error))
