"""Whole files of each accepted kind, how to damage them, and everything that is no picture."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from functools import cache

from PIL import Image

from tests.app.pictures import encoded, gradient


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
