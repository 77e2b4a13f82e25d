"""The header `Idempotency-Key`, checked by the routes: a malformed one is counted with the other refusals."""

import re
from typing import Annotated

from fastapi import Header

from app import problem_types
from app.field_sentences import PATTERNS
from app.problems import Problem

_NAME = "idempotency-key"
_PATTERN = r"^[!-~]{1,255}$"

IdempotencyKey = Annotated[
    str | None,
    Header(
        json_schema_extra={"pattern": _PATTERN},
        description="Up to 255 visible ASCII characters: the same submission under the same key is the same job.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]


def check_key(key: str | None) -> None:
    """Raises Problem if there is a key that is none."""
    if key is not None and not re.fullmatch(_PATTERN, key):
        raise Problem(problem_types.INVALID_FIELD, f"{_NAME} {PATTERNS[_PATTERN]}.", pointer=f"/{_NAME}")
