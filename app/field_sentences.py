"""What is wrong with a field, in our words: pydantic's own are about Python and its parsing."""

from collections.abc import Mapping

from pydantic_core import ErrorDetails

_NUMBER, _WHOLE_NUMBER, _OBJECT = "must be a number", "must be a whole number", "must be a JSON object"
_TEXT, _TRUTH = "must be a string", "must be true or false"

SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "union_tag_not_found": "is required",
    "extra_forbidden": "is not a field of this request",
    "union_tag_invalid": "must be one of {expected_tags}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "must have fewer digits",
    "int_type": _WHOLE_NUMBER,
    "bool_parsing": _TRUTH,
    "bool_type": _TRUTH,
    "string_type": _TEXT,
    "string_unicode": "must be Unicode text, without halves of surrogate pairs",
    "string_too_short": "must be {min_length} or more characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "too_long": "must have at most {max_length} entries",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "value_error": "{error}",
}
"""By pydantic's type of error, to follow the field's name, with limits in braces. The last is what a validator of our
own says."""

PATTERNS: Mapping[str, str] = {
    r"^[!-~]{1,255}$": "must be 1 to 255 visible ASCII characters, without spaces",
}
"""Regular expressions in words."""

UNFORESEEN = "is not what the OpenAPI schema says"


def sentence(name: str, error: ErrorDetails) -> str:
    """What is wrong with the field `name`; never the value that was sent."""
    about_its_name = error["loc"][-1:] == ("[key]",)  # pydantic's mark, for a field whose name the client has chosen
    subject = f"{name}: its name" if about_its_name else name
    context = {key: _plain(value) for key, value in error.get("ctx", {}).items()}
    said = PATTERNS.get(context.get("pattern", ""), SENTENCES.get(error["type"], UNFORESEEN))
    return f"{subject} {said.format(**context)}."


def _plain(value: object) -> str:
    """Whole numbers without a fraction; choices without Python's quotes."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.replace("'", "") if isinstance(value, str) else str(value)
