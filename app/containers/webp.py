"""WebP (RFC 9649): a RIFF container of chunks; lossy (VP8), lossless (VP8L), or extended (VP8X)."""

import struct

from app.containers.facts import Facts, corrupt, refuse_trailing, truncated

_ANIMATION_FLAG = 0x02


def inspect(data: bytes) -> Facts:
    """Walks the chunks; the canvas of an extended file must have its picture's size."""
    if len(data) < 20:
        raise truncated("the header")
    declared = int.from_bytes(data[4:8], "little") + 8
    if declared > len(data):
        raise truncated("the pixels")
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    position, frames, animated = 12, 0, False
    while position + 8 <= declared:
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(size, 16)]
        position += 8 + size + size % 2
        if position - size % 2 > declared:
            raise corrupt("a chunk is longer than the file")
        if kind == b"VP8X":
            canvas, animated = _extended(body)
        elif kind in {b"VP8 ", b"VP8L"}:
            frames += 1
            picture = _lossy(body) if kind == b"VP8 " else _lossless(body)
        elif kind == b"ANMF":
            frames += 1
    if animated or frames > 1:
        width, height = canvas or picture or (0, 0)
        return Facts(width, height, max(frames, 2), width * height * 4, declared)
    if picture is None or (canvas is not None and canvas != picture):
        raise corrupt("there is no picture in it, or not of the size announced")
    refuse_trailing(data, declared)
    return Facts(*picture, frames, picture[0] * picture[1] * 4, declared)


def _extended(body: bytes) -> tuple[tuple[int, int], bool]:
    if len(body) < 10:
        raise corrupt("VP8X is too short")
    width = int.from_bytes(body[4:7], "little") + 1
    height = int.from_bytes(body[7:10], "little") + 1
    return (width, height), bool(body[0] & _ANIMATION_FLAG)


def _lossy(body: bytes) -> tuple[int, int]:
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise corrupt("its frame header is broken")
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless(body: bytes) -> tuple[int, int]:
    if len(body) < 5 or body[0] != 0x2F:
        raise corrupt("its frame header is broken")
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
