"""GIF (89a): header, logical screen, then blocks of sub-blocks, and a trailer byte."""

import struct

from app.containers.facts import Facts, corrupt, refuse_trailing, truncated

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def inspect(data: bytes) -> Facts:
    """Counts frames up to the second, which settles the matter; a still picture is followed to its trailer."""
    if len(data) < 13:
        raise truncated("the header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    if not width or not height:
        raise corrupt("its width or height is zero")
    position, frames = 13 + _table_bytes(flags), 0
    while True:
        if position >= len(data):
            raise truncated("the space between two blocks")
        kind = data[position]
        if kind == _TRAILER:
            break
        if kind == _EXTENSION:
            position = _sub_blocks_end(data, position + 2)
        elif kind == _IMAGE:
            frames += 1
            if frames > 1:
                return Facts(width, height, frames, width * height, len(data))
            position = _image_end(data, position, (width, height))
        else:
            raise corrupt("a block has an unknown kind")
    if not frames:
        raise corrupt("there is no picture in it")
    refuse_trailing(data, position + 1)
    return Facts(width, height, frames, width * height, position + 1)


def _image_end(data: bytes, position: int, screen: tuple[int, int]) -> int:
    if position + 11 > len(data):
        raise truncated("a frame's header")
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    if not width or not height or left + width > screen[0] or top + height > screen[1]:
        raise corrupt("its frame does not fit the screen")
    return _sub_blocks_end(data, position + 10 + _table_bytes(flags) + 1)


def _sub_blocks_end(data: bytes, position: int) -> int:
    while position < len(data):
        size = data[position]
        position += size + 1
        if not size:
            return position
    raise truncated("a block")


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
