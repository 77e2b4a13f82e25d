"""Reading `multipart/form-data` strictly: every part once, text in UTF-8, and the body must reach its end."""

from contextlib import ExitStack
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from app import problem_types
from app.problems import Problem
from app.task_files import FILE_FIELDS
from app.validation import json_pointer

MAX_FILES = 8
MAX_TEXTS = 64
_FILE_PARTS = frozenset(name.encode() for name in (*FILE_FIELDS, "image[]"))
"""The last is what OpenAI's clients call a list of pictures."""


@dataclass(frozen=True)
class Form:
    """The parts of a form by name."""

    texts: dict[str, str]
    files: dict[str, bytes]


class _StrictParser(MultiPartParser):
    """Starlette's parser, which neither notices a missing last boundary nor refuses text that is not UTF-8."""

    finished = False

    def on_headers_finished(self) -> None:
        """A file needs no filename: RFC 7578 does not demand one, and OpenAPI has no word for it."""
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") in _FILE_PARTS and b"filename" not in options and part.content_disposition is not None:
            part.content_disposition += b'; filename=""'
        super().on_headers_finished()

    def on_end(self) -> None:
        self.finished = True

    def on_part_end(self) -> None:
        part = self._current_part
        if part.file is None:
            try:
                bytes(part.data).decode("utf-8")
            except UnicodeDecodeError:
                raise MultiPartException("a text field is not UTF-8") from None
        super().on_part_end()


async def read_form(request: Request, *, max_file_bytes: int, max_text_bytes: int) -> Form:
    """Reads all parts; files wait on disk while they arrive.

    Raises:
        Problem: the body is no such form, a part is repeated, or a file is too large.
    """
    parser = _StrictParser(
        request.headers,
        request.stream(),
        max_files=MAX_FILES,
        max_fields=MAX_TEXTS,
        max_part_size=max_text_bytes,
    )
    try:
        items = (await parser.parse()).multi_items()
    except (MultiPartException, FormParserError, ValueError, LookupError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "its header is malformed"
        raise Problem(problem_types.INVALID_MULTIPART, f"The form cannot be read: {reason.rstrip('.')}.") from None
    with ExitStack() as open_files:
        for _, value in items:
            if isinstance(value, UploadFile):
                open_files.callback(value.file.close)
        if not parser.finished:
            raise Problem(problem_types.INVALID_MULTIPART, "The form ends before its last boundary.")
        form = Form({}, {})
        for name, value in items:
            _add(form, name, await _content(name, value, max_file_bytes))
        return form


async def _content(name: str, value: UploadFile | str, max_file_bytes: int) -> bytes | str:
    if isinstance(value, str):
        return value
    if (value.size or 0) > max_file_bytes:
        detail = f"The file has {value.size} bytes, {max_file_bytes} are allowed."
        raise Problem(problem_types.FILE_TOO_LARGE, detail, pointer=json_pointer([name]))
    return await value.read()


def _add(form: Form, name: str, content: bytes | str) -> None:
    if name in form.texts or name in form.files:
        pointer = json_pointer([name])
        raise Problem(problem_types.DUPLICATE_FIELD, f"{pointer[1:]} is given more than once.", pointer=pointer)
    if isinstance(content, str):
        form.texts[name] = content
    else:
        form.files[name] = content
