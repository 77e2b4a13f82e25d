"""Bodies that are no JSON object, no base64, no form, or not what their type says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.app.hostile.files import STRANGERS
from tests.app.hostile.requests import BOUNDARY, Hostile, form, json_request
from tests.app.pictures import base64_text, picture_png


def bad_json() -> Iterator[Hostile]:
    """Bodies that are not one JSON object with sane content."""
    good = b'{"task": "generate", "prompt": "x"}'
    bodies: dict[str, bytes] = {
        "nothing": b"",
        "space": b"  \n",
        "null": b"null",
        "true": b"true",
        "number": b"17",
        "string": b'"generate"',
        "list": b"[" + good + b"]",
        "cut": good[:-4],
        "only open": b"{",
        "trailing comma": good[:-1] + b",}",
        "single quotes": good.replace(b'"', b"'"),
        "comment": good + b" // hello",
        "two objects": good + good,
        "repeated name": b'{"task": "generate", "task": "complete"}',
        "NaN": b'{"task": "generate", "guidance_scale": NaN}',
        "Infinity": b'{"task": "generate", "guidance_scale": Infinity}',
        "-Infinity": b'{"task": "generate", "guidance_scale": -Infinity}',
        "1e999": b'{"task": "generate", "guidance_scale": 1e999}',
        "nested lists": b'{"task": "generate", "prompt": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "5000 digits": b'{"task": "generate", "seed": ' + b"9" * 5000 + b"}",
        "broken utf-8": b'{"task": "generate", "prompt": "\xff\xfe"}',
        "utf-16": good.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + good,
        "raw control character": b'{"task": "generate", "prompt": "a\x01b"}',
        "escaped control character": b'{"task": "generate", "prompt": "a\\u0000b"}',
        "half a surrogate pair": b'{"task": "generate", "prompt": "\\ud800"}',
        "half a surrogate pair as a name": b'{"task": "generate", "\\udfff": 1}',
        "very long name": b'{"task": "generate", "' + b"n" * 500_000 + b'": 1}',
        "ten thousand names": json.dumps({"task": "generate"} | {f"f{i}": i for i in range(10_000)}).encode(),
        "many lists": b'{"task": "generate", "prompt": [' + b"[]," * 500_000 + b"[]]}",
        "many names in metadata": json.dumps(
            {"task": "generate", "metadata": {f"k{i}": "v" for i in range(500)}}
        ).encode(),
        "proto": b'{"task": "generate", "__proto__": {"steps": 1}}',
        "picture bytes": picture_png(),
    }
    for name, body in bodies.items():
        yield json_request(f"json: {name}", body)


def bad_base64() -> Iterator[Hostile]:
    """Files in JSON that are none."""
    good = base64_text(picture_png())
    values: dict[str, Any] = {
        "empty": "",
        "number": 5,
        "list": [good],
        "object": {"data": good},
        "true": True,
        "null": None,
        "not base64": "!!!!",
        "no padding": good.rstrip("=")[:-1],
        "spaces": " " + good,
        "line breaks": good[:76] + "\n" + good[76:],
        "more behind": good + "====" + good,
        "url alphabet": "_-_-" + good,
        "not ascii": "é" + good,
        "data url without base64": "data:image/png," + good,
        "data url without comma": "data:image/png;base64",
        "data url without data": "data:image/png;base64,",
        "http url": "http://169.254.169.254/latest/meta-data/",
        "file url": "file:///etc/passwd",
        "path": "/etc/passwd",
        "svg": "data:image/svg+xml;base64," + base64_text(STRANGERS["svg"]),
    }
    for name, value in values.items():
        yield json_request(f"base64: {name}", json.dumps({"task": "complete", "image": value}).encode())


def bad_forms() -> Iterator[Hostile]:
    """Bodies that are no proper form, or not of ours."""
    kind = "multipart/form-data; boundary="
    image = ("image", "x.png", picture_png())
    task: tuple[str, str | None, bytes] = ("task", None, b"complete")
    good = form("", [task, image])
    yield Hostile("form: other boundary", good.body, {"Content-Type": kind + "another"})
    yield Hostile("form: no boundary", good.body, {"Content-Type": "multipart/form-data"})
    yield Hostile("form: empty boundary", good.body, {"Content-Type": kind})
    yield Hostile("form: quoted empty boundary", good.body, {"Content-Type": kind + '""'})
    yield Hostile("form: very long boundary", good.body, {"Content-Type": kind + "b" * 5000})
    for cut in (0, 1, 30, 100, len(good.body) // 2, len(good.body) - 30, len(good.body) - 5):
        yield Hostile(f"form: cut at {cut}", good.body[:cut], good.headers)
    yield Hostile("form: garbage", random.Random(2).randbytes(5000), good.headers)
    yield Hostile("form: json instead", b'{"task": "generate"}', good.headers)
    yield form("form: no last boundary", [task, image], end="")
    yield form("form: no parts", [])
    yield form("form: task twice", [task, task, image])
    yield form("form: picture twice", [task, image, image])
    yield form("form: unknown file", [task, image, ("extra", "e.png", b"x")])
    yield form("form: unknown field", [task, image, ("stepz", None, b"20")])
    yield form("form: picture as text", [task, ("image", None, b"hello")])
    yield form("form: nameless part", [task, image, ("", None, b"x")])
    yield form("form: text not utf-8", [task, image, ("prompt", None, b"\xff\xfe\xfd")])
    yield form("form: text of 2 MB", [task, image, ("prompt", None, b"p" * 2**21)])
    yield form("form: thousand fields", [task, image, *[(f"f{i}", None, b"1") for i in range(1000)]])
    yield form("form: hundred files", [task, image, *[(f"f{i}", "f", b"1") for i in range(100)]])
    yield form("form: no task", [image])
    yield form("form: no picture", [task])
    for name, params in {"not json": b"{task}", "list": b"[1]", "null": b"null", "nan": b'{"steps": NaN}'}.items():
        yield form(f"form: params {name}", [("params", None, params), image])
    yield form("form: params repeats a field", [("params", None, b'{"task": "complete"}'), task, image])
    yield form("form: params names a file", [("params", None, b'{"task": "complete", "image": "x"}'), image])
    yield form("form: output not json", [task, image, ("output", None, b"{png}")])
    yield form("form: output as word", [task, image, ("output", None, b"png")])
    yield form("form: metadata as list", [task, image, ("metadata", None, b"[1]")])
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
    yield Hostile("form: part without a name", head, good.headers)
    huge = f"--{BOUNDARY}\r\nX-Header: ".encode() + b"h" * 2**20 + head
    yield Hostile("form: part header of 1 MB", huge, good.headers)
    for charset in ("rot13", "zlib", "utf-7", "nonsense"):
        headers = {"Content-Type": f"{kind}{BOUNDARY}; charset={charset}"}
        yield Hostile(f"form: charset {charset}", form("", [task]).body, headers)


def bad_content_types() -> Iterator[Hostile]:
    """A good body under a wrong name."""
    body = b'{"task": "generate"}'
    for kind in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "image/png",
        "*/*",
        "json",
        "a" * 999,
    ):
        yield Hostile(f"content type {kind[:40]}", body, {"Content-Type": kind})
    yield Hostile("no content type", body)
    for encoding in ("gzip", "br", "deflate, gzip"):
        yield Hostile(
            f"encoded as {encoding}", body, {"Content-Type": "application/json", "Content-Encoding": encoding}
        )
    yield Hostile("a form as json", form("", [("task", None, b"generate")]).body, {"Content-Type": "application/json"})
    yield Hostile("a body too large", bytes(8 * 2**20), {"Content-Type": "application/json"})
