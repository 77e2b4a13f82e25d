"""Requests to `POST /v1/jobs`, put together by hand: no client library would send them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.app.pictures import picture_png

BOUNDARY = "hostile-boundary"


@dataclass(frozen=True)
class Hostile:
    """One request to `POST /v1/jobs`."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    definite: bool = True


def form(name: str, parts: list[tuple[str, str | None, bytes]], *, definite: bool = True, end: str = "--") -> Hostile:
    """A multipart request; a part is a name, a file name or None, and its content."""
    body = b""
    for part, filename, content in parts:
        disposition = f'form-data; name="{part}"' + (f'; filename="{filename}"' if filename is not None else "")
        body += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    body += f"--{BOUNDARY}{end}\r\n".encode()
    return Hostile(name, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, definite)


def upload(name: str, image: bytes, *, definite: bool = True) -> Hostile:
    """A picture sent for completion."""
    return form(name, [("task", None, b"complete"), ("image", "x.png", image)], definite=definite)


def inpainting(name: str, mask: bytes, *, image: bytes | None = None, **fields: str) -> Hostile:
    """A mask sent with a good picture."""
    texts: list[tuple[str, str | None, bytes]] = [(key, None, value.encode()) for key, value in fields.items()]
    files: list[tuple[str, str | None, bytes]] = [("image", "x.png", image or picture_png()), ("mask", "m.png", mask)]
    return form(name, [("task", None, b"inpaint"), *texts, *files])


def json_request(name: str, body: bytes) -> Hostile:
    return Hostile(name, body, {"Content-Type": "application/json"})
