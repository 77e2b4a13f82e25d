"""PNG (W3C, third edition): signature, then chunks of length, type, data and CRC-32, IHDR first and IEND last."""

import struct
import zlib
from collections.abc import Iterator

from app import problem_types
from app.containers.facts import Facts, corrupt, refuse_trailing, truncated
from app.problems import Problem

_PALETTE = 3
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_LENGTHS = {b"IEND": 0, b"acTL": 8}
_BARE = {b"IHDR", b"IDAT", b"IEND"}
_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_PLAIN_RGB = bytes((8, 2, 0, 0, 0))
"""The end of IHDR: 8 bits, truecolour, the only compression, the only family of filters, not interlaced."""
_MAX_CHUNKS = 100_000
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 20
_LAST_FILTER = 4


def inspect(data: bytes) -> Facts:
    """Checks every chunk's place, length and CRC; counts the frames an APNG announces."""
    view = memoryview(data)
    seen: set[bytes] = set()
    previous = b""
    width, height, depth, colour, frames, end = 0, 0, 8, 0, 1, 0
    for kind, start, stop in _chunks(data):
        if zlib.crc32(view[start - 4 : stop]) != int.from_bytes(view[stop : stop + 4]):
            raise corrupt(f"the checksum of {_name(kind)} is wrong")
        if (kind == b"IHDR") != (not seen):
            raise corrupt("IHDR is not the first chunk, or not the only one")
        if kind == b"IHDR":
            width, height, depth, colour = _read_header(data[start:stop])
        elif kind in _LENGTHS and stop - start != _LENGTHS[kind]:
            raise corrupt(f"{_name(kind)} has a wrong length")
        elif kind == b"acTL":
            frames = int.from_bytes(view[start : start + 4])
        elif kind == b"IDAT" and b"IDAT" in seen and previous != b"IDAT":
            raise corrupt("its IDAT chunks are not consecutive")
        elif kind == b"IDAT" and colour == _PALETTE and b"PLTE" not in seen:
            raise corrupt("its pixels have no palette")
        elif kind[:1].isupper() and kind not in _CRITICAL:
            raise corrupt(f"the critical chunk {_name(kind)} is not known")
        seen.add(kind)
        previous, end = kind, stop + 4
    if b"IDAT" not in seen:
        raise corrupt("there is no IDAT chunk")
    refuse_trailing(data, end)
    raw = height * (1 + -(-width * _CHANNELS[colour] * depth // 8))
    return Facts(width, height, frames, raw, end)


def verify_pixels(data: bytes) -> bool:
    """Unpacks the IDAT stream piece by piece and throws the pieces away: it must hold the pixels, no less and no more.

    Memory stays at 1 MiB whatever the stream unpacks to. Decoders stop when their picture is full, so they notice
    neither a bomb nor a file hidden behind the pixels.

    Returns whether a decoder can find no fault with the pixels either: they are 8-bit RGB in plain order, each row has
    a filter that there is, there is no animation, and no chunk stands between them and the end. What else a decoder
    minds, it sees before the pixels.
    """
    inflate, sound = zlib.decompressobj(), _is_plain(data)
    expected, row, unpacked = 0, 1, 0
    for kind, start, stop in _chunks(data):
        if kind == b"IHDR":
            expected = _scanline_bytes(data[start:stop])
            row = expected // int.from_bytes(data[start + 4 : start + 8])
        if kind != b"IDAT":
            continue
        rest = data[start:stop]
        while rest:
            try:
                piece = inflate.decompress(rest, _PIECE)
            except zlib.error:
                raise corrupt("its compressed pixels cannot be unpacked") from None
            sound = sound and max(piece[-unpacked % row :: row], default=0) <= _LAST_FILTER
            unpacked += len(piece)
            if unpacked > expected:
                raise Problem(problem_types.DECOMPRESSION_BOMB, "The file holds more pixels than its size allows.")
            if inflate.eof and (inflate.unused_data or unpacked < expected):
                break
            rest = inflate.unconsumed_tail
    if inflate.unused_data:
        raise Problem(problem_types.TRAILING_DATA, "Bytes follow the pixels inside the picture.")
    if unpacked < expected or not inflate.eof:
        raise truncated("the pixels")
    return sound


def _is_plain(data: bytes) -> bool:
    kinds = [kind for kind, _, _ in _chunks(data)]
    return data[24:29] == _PLAIN_RGB and kinds[-2:] == [b"IDAT", b"IEND"] and _ANIMATION.isdisjoint(kinds)


def bare(data: bytes) -> bytes | None:
    """The file without all that is not its pixels, if these are 8-bit RGB in plain order; None if they are not.

    For files that `inspect` and `verify_pixels` have passed: no byte of these is left in that nobody has looked at.
    None beside chunks of an animation, too: decoders may show its first frame instead of the pixels that are kept.
    """
    kept = [data[:8]]
    for kind, start, stop in _chunks(data):
        if kind in _ANIMATION or (kind == b"IHDR" and data[start + 8 : stop] != _PLAIN_RGB):
            return None
        if kind in _BARE:
            kept.append(data[start - 8 : stop + 4])
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and stop of each chunk's data, up to and with IEND."""
    position, kind = 8, b""
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            raise truncated("a chunk" if position > 8 else "the header")
        length = int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if not kind.isalpha():
            raise corrupt("a chunk has an impossible type")
        start, stop = position + 8, position + 8 + length
        if stop + 4 > len(data):
            raise truncated(f"the chunk {_name(kind)}")
        yield kind, start, stop
        if kind == b"IEND":
            return
        position = stop + 4
    raise Problem(problem_types.DECOMPRESSION_BOMB, f"The file has more than {_MAX_CHUNKS} chunks.")


def _read_header(body: bytes) -> tuple[int, int, int, int]:
    if len(body) != 13:
        raise corrupt("IHDR has a wrong length")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise corrupt("its width or height is impossible")
    if depth not in _DEPTHS.get(colour, set()) or compression or filtering or interlace > 1:
        raise corrupt("IHDR names an unknown kind of pixels")
    return width, height, depth, colour


def _scanline_bytes(header: bytes) -> int:
    """Bytes of all filtered scanlines, interlaced or not."""
    width, height, depth, colour = _read_header(header)
    bits = _CHANNELS[colour] * depth
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def _name(kind: bytes) -> str:
    return kind.decode("ascii")
