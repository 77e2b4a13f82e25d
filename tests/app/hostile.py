"""Requests that must be refused: some five hundred of them, made on the spot, the same ones every time.

`corpus()` yields each as a `Hostile`. Where a damaged file may still decode (a flipped bit in compressed pixels),
`definite` is false: a 202 is as good as a problem then; only a 5xx is not.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from tests.app.pictures import base64_text, encoded, gradient, mask_png, picture_png

BOUNDARY = "hostile-boundary"


@dataclass(frozen=True)
class Hostile:
    """One request to `POST /v1/jobs`."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    definite: bool = True


def corpus() -> Iterator[Hostile]:
    """All of them."""
    yield from damaged_pictures()
    yield from bombs()
    yield from wrong_types()
    yield from polyglots()
    yield from bad_masks()
    yield from bad_json()
    yield from bad_base64()
    yield from bad_forms()
    yield from bad_parameters()
    yield from bad_content_types()


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


@cache
def good_files() -> dict[str, bytes]:
    """One whole file of each accepted kind, with enough in it to be damaged."""
    noisy = Image.effect_noise((96, 80), 60).convert("RGB")
    noisy.paste(gradient(48, 80))
    random_pixels = random.Random(3)
    noisy.putdata([tuple(random_pixels.randrange(256) for _ in range(3)) for _ in range(96 * 80)])
    return {
        "png": encoded(noisy),
        "jpeg": encoded(noisy, "JPEG"),
        "progressive": encoded(noisy, "JPEG", progressive=True),
        "webp": encoded(noisy, "WEBP"),
        "webp-lossless": encoded(noisy, "WEBP", lossless=True),
        "gif": encoded(noisy, "GIF"),
    }


def damaged_pictures() -> Iterator[Hostile]:
    """Cut off at many places; single bits flipped."""
    chance = random.Random(7)
    for kind, data in good_files().items():
        for cut in (1, 2, 4, 8, 12, 20, 33, 64, 200, len(data) // 2, len(data) * 9 // 10, len(data) - 5, len(data) - 1):
            yield upload(f"{kind} cut at {cut}", data[:cut])
        for _ in range(16):
            position, bit = chance.randrange(8, len(data)), chance.randrange(8)
            yield upload(f"{kind} bit {bit} of byte {position}", flipped(data, position, bit), definite=kind == "png")
        for position in range(4, 40, 3):
            yield upload(f"{kind} header byte {position}", flipped(data, position, 6), definite=kind == "png")
    for kind in ("TIFF", "BMP"):
        data = encoded(gradient(), kind)
        for cut in (4, 8, 100, len(data) // 2, len(data)):
            yield upload(f"{kind} cut at {cut}", data[:cut])


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes, *extra: bytes, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def packed_zeros(size: int) -> bytes:
    """`size` zero bytes, packed about a thousandfold."""
    packer = zlib.compressobj(6)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


def bombs() -> Iterator[Hostile]:
    """Small files that want much memory or time."""
    whole = zlib.compress(bytes((64 * 3 + 1) * 64))
    for width, height in [
        (100_000, 100_000),
        (2**31 - 1, 2**31 - 1),
        (2**31 - 1, 64),
        (65535, 65535),
        (0, 0),
        (2**32 - 1, 1),
    ]:
        yield upload(f"png of {width}x{height}", png(width, height, whole))
    yield upload("png whose pixels unpack to 64 MB", png(64, 64, packed_zeros(64 * 2**20)))
    yield upload("flat png of 6000x6000", png(6000, 6000, packed_zeros(108 * 2**20)))
    yield upload("png with a text of 64 MB", png(64, 64, whole, chunk(b"zTXt", b"a\0\0" + packed_zeros(64 * 2**20))))
    yield upload("png of a hundred thousand chunks", png(64, 64, whole, chunk(b"tEXt", b"a\0b") * 110_000))
    yield upload("apng of 2**31 frames", png(64, 64, whole, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))))
    gif = bytearray(encoded(gradient(), "GIF"))
    frame = bytes(gif[gif.index(b"\x2c", 13 + 768) : -1])
    yield upload("gif of 100 frames", bytes(gif[:-1]) + frame * 99 + b";")
    small = bytes([0x2C, 0, 0, 0, 0, 64, 0, 64, 0, 0, 2, 1, 0, 0])
    yield upload("gif of 50000 frames", bytes(gif[:-1]) + small * 50_000 + b";")
    yield upload("gif of 65535x65535", bytes(gif[:6]) + b"\xff\xff\xff\xff" + bytes(gif[10:]))
    jpeg = encoded(gradient(), "JPEG", progressive=True)
    header = jpeg.index(b"\xff\xc2")
    yield upload("jpeg of 65535x65535", jpeg[: header + 5] + b"\xff\xff\xff\xff" + jpeg[header + 9 :])
    yield upload("jpeg of 0x0", jpeg[: header + 5] + bytes(4) + jpeg[header + 9 :])
    scan = jpeg[jpeg.index(b"\xff\xda") : jpeg.index(b"\xff\xda") + 60]
    yield upload("jpeg of 5000 scans", jpeg[:-2] + (scan[:14] + b"\0") * 5000 + jpeg[-2:])
    yield from (upload(name, data) for name, data in slow_jpegs(2**20).items())
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6
    yield upload("webp with a canvas of 2**24", b"RIFF" + struct.pack("<I", len(webp)) + webp)
    frames = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\x3f\0\0" * 2 + (b"ANMF" + bytes(4)) * 20_000
    yield upload("webp of 20000 frames", b"RIFF" + struct.pack("<I", len(frames)) + frames)
    yield upload("more bytes than a file may have", picture_png() + bytes(3 * 2**20))


def slow_jpegs(size: int) -> dict[str, bytes]:
    """JPEGs of about `size` bytes that make a careless reader work long before the first pixel."""
    jpeg = encoded(gradient(), "JPEG")
    head, rest = jpeg[:2], jpeg[2:]
    exif = b"\xff\xe1\x00\x0aExif\0\0ab"
    long_exif = b"\xff\xe1\xff\xffExif\0\0" + bytes(0xFFFF - 8)
    index = b"\xff\xe2\x00\x06MPF\0"
    slow = {
        "empty segments": head + b"\xff\xee\x00\x02" * (size // 4) + rest,
        "exif segments": head + exif * (size // len(exif)) + rest,
        "long exif segments": head + long_exif * max(17, size // len(long_exif)) + rest,
        "fill bytes": head + b"\xff" * size + rest,
        "restart markers": head + b"\xff\xd0" * (size // 2) + rest,
        "restart markers after the pixels": jpeg[:-2] + b"\xff\x01" + b"\xff\xd0" * (size // 2) + jpeg[-2:],
        "appended pictures": head + index + rest + jpeg * (size // len(jpeg)) + b"!",
    }
    return {f"jpeg full of {what}": data for what, data in slow.items()}


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("run.js", "alert(1)")
    return buffer.getvalue()


STRANGERS: dict[str, bytes] = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with prolog": b'<?xml version="1.0"?><!DOCTYPE svg><svg width="96" height="80"/>',
    "xml bomb": b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n",
    "zip": archive(),
    "gzip": b"\x1f\x8b\x08" + bytes(30),
    "elf": b"\x7fELF" + bytes(60),
    "script": b"#!/bin/sh\nrm -rf /\n",
    "php": b"<?php system($_GET['c']); ?>",
    "text": b"just some words",
    "zeros": bytes(1000),
    "random": random.Random(1).randbytes(1000),
    "ico": b"\0\0\x01\0\x01\0" + bytes(60),
    "photoshop": b"8BPS\0\x01" + bytes(60),
    "heic": b"\0\0\0\x18ftypheic" + bytes(60),
    "avif": b"\0\0\0\x18ftypavif" + bytes(60),
    "mp4": b"\0\0\0\x18ftypisom" + bytes(60),
    "jpeg xl": b"\xff\x0a" + bytes(60),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "riff sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
    "png signature alone": b"\x89PNG\r\n\x1a\n",
    "jpeg signature alone": b"\xff\xd8\xff",
    "gif signature alone": b"GIF89a",
    "webp signature alone": b"RIFF\x04\0\0\0WEBP",
    "empty": b"",
}


def wrong_types() -> Iterator[Hostile]:
    """Everything but pictures, as the picture and as the mask."""
    for kind, data in STRANGERS.items():
        yield upload(f"{kind} as a picture", data)
        yield inpainting(f"{kind} as a mask", data)


def polyglots() -> Iterator[Hostile]:
    """Whole pictures with something behind them."""
    for kind, data in good_files().items():
        for tail in ("zip", "html", "pdf", "php"):
            yield upload(f"{kind} with {tail} behind it", data + STRANGERS[tail])
        yield upload(f"{kind} with another picture behind it", data + data)
        yield upload(f"{kind} with one byte behind it", data + b"\x01")


def bad_masks() -> Iterator[Hostile]:
    """Masks that make no sense with their picture."""
    black, white = Image.new("L", (96, 80), 0), Image.new("L", (96, 80), 255)
    for mode in ("L", "RGB", "1", "P", "LA", "RGBA"):
        yield inpainting(f"empty mask in {mode}", encoded(black.convert(mode)))
        yield inpainting(f"full mask in {mode}", encoded(white.convert(mode)))
        yield inpainting(f"empty mask in {mode}, keep_white", encoded(white.convert(mode)), mask_polarity="keep_white")
        yield inpainting(f"full mask in {mode}, keep_white", encoded(black.convert(mode)), mask_polarity="keep_white")
    for width, height in [(95, 80), (96, 81), (80, 96), (192, 160), (64, 64)]:
        yield inpainting(f"mask of {width}x{height}", mask_png(width, height))
    yield inpainting("cut mask", mask_png()[:-30])
    task = ("task", None, b"inpaint")
    yield form("no mask and no alpha", [task, ("image", "x.png", picture_png())])
    for alpha in (0, 255):
        picture = gradient(mode="RGBA")
        picture.putalpha(alpha)
        yield form(f"alpha {alpha} all over", [task, ("image", "x.png", encoded(picture))])
    yield form("mask without picture", [task, ("mask", "m.png", mask_png())])
    extra = ("mask", "m.png", mask_png())
    yield form("mask for complete", [("task", None, b"complete"), ("image", "x.png", picture_png()), extra])
    yield form("picture for generate", [("task", None, b"generate"), ("image", "x.png", picture_png())])


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


BAD_VALUES: dict[str, list[Any]] = {
    "task": ["", "Complete", "teleport", None, 1, ["complete"], {}],
    "keep": ["", "middle", "LEFT", None, 0],
    "fraction": [0, 0.05, 0.95, 1, -0.5, "half", None, True, [0.5]],
    "steps": [0, 101, -1, 1.5, "many", None, True, [], {}, 10**30],
    "inner_steps": [-1, 21, 0.5, None],
    "guidance_scale": [0.99, 21, -1, "high", None],
    "seed": [-1, 2**63, 1.5, "x", [7]],
    "n": [0, 9, 2.5, None],
    "prompt": ["p" * 2001, None, 5, ["a"], "\u0007"],
    "negative_prompt": ["p" * 100_000, None],
    "model": ["m" * 201, 5, "", "../../etc/passwd"],
    "output": [None, "png", {"format": "gif"}, {"quality": 0}, {"quality": 101}, {"size": 1}, []],
    "preserve_known": [None, "maybe", 2],
    "mask_feather_px": [-1, 65, 1.5],
    "deadline_s": [0, -5, 3601, "soon"],
    "metadata": [None, [], {"a": 1}, {"": "x"}, {"k" * 65: "v"}, {"k": "v" * 513}, {str(i): "v" for i in range(17)}],
    "mask_polarity": ["white_repaints"],
    "mask_resize": [True],
    "width_px": [128],
    "webhook_url": ["http://localhost/"],
}


def bad_parameters() -> Iterator[Hostile]:
    """Each parameter of `complete` with values that it must not have; as JSON, and as a form where that is possible."""
    picture = base64_text(picture_png())
    for name, values in BAD_VALUES.items():
        for index, value in enumerate(values):
            body = {"task": "complete", "image": picture} | {name: value}
            yield json_request(f"parameter {name} {index}", json.dumps(body).encode())
            if isinstance(value, str | int | float) and not isinstance(value, bool) and name != "prompt":
                parts: list[tuple[str, str | None, bytes]] = [
                    ("task", None, b"complete"),
                    (name, None, str(value).encode()),
                    ("image", "x.png", picture_png()),
                ]
                yield form(f"parameter {name} {index} in a form", parts[name == "task" :])
    for text in ("nan", "inf", "-inf", "", "0x10", "1e999"):
        parts = [("task", None, b"complete"), ("guidance_scale", None, text.encode()), ("image", "x", picture_png())]
        yield form(f"guidance_scale {text!r} in a form", parts)
    for name, value in [("width_px", 63), ("height_px", 2049), ("width_px", 100.5), ("keep", "left")]:
        yield json_request(f"generate with {name} {value}", json.dumps({"task": "generate", name: value}).encode())


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
