"""JPEG (ITU-T T.81): markers and segments, entropy-coded scans between them, EOI at the end."""

import re
import struct

from app import problem_types
from app.containers.facts import Facts, corrupt, refuse_trailing, truncated
from app.problems import Problem

_SOI, _EOI, _SOS, _APP2 = 0xD8, 0xD9, 0xDA, 0xE2
_FRAME_HEADERS = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive; all with Huffman codes
_OTHER_FRAME_HEADERS = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MAX_SCANS = 40
"""A progressive photograph has about ten; each costs a pass over all pixels."""


def inspect(data: bytes) -> Facts:
    """Follows the markers to EOI.

    Phones append further JPEGs (a gain map, a preview) and declare them in a Multi-Picture segment: these are the one
    thing that may follow the picture, and they are left behind.
    """
    facts, has_index = _walk(data, 0)
    end = facts.end
    while has_index and data.startswith(b"\xff\xd8\xff", end := _skip_padding(data, end)):
        end = _walk(data, end)[0].end
    refuse_trailing(data, end)
    return facts


def _skip_padding(data: bytes, position: int) -> int:
    while position < len(data) and data[position] == 0:
        position += 1
    return position


def _walk(data: bytes, start: int) -> tuple[Facts, bool]:
    """One JPEG from its SOI to its EOI, and whether a Multi-Picture segment announces others."""
    position, scans, has_index = start + 2, 0, False
    frame: tuple[int, int, int] | None = None
    while True:
        position, marker = _marker(data, position)
        if marker == _EOI:
            break
        if marker in _STANDALONE:
            continue
        if position + 2 > len(data):
            raise truncated("a segment")
        stop = position + int.from_bytes(data[position : position + 2])
        if stop < position + 2 or marker in _OTHER_FRAME_HEADERS or marker in {0x00, _SOI}:
            raise corrupt("a segment has an impossible length or an unknown kind")
        if stop > len(data):
            raise truncated("a segment")
        if marker in _FRAME_HEADERS:
            if frame is not None or stop - position < 8:
                raise corrupt("its frame header is missing, broken or repeated")
            height, width, components = struct.unpack_from(">HHB", data, position + 3)
            frame = width, height, components
        elif marker == _APP2:
            has_index = has_index or data.startswith(b"MPF\0", position + 2)
        elif marker == _SOS:
            scans += 1
            stop = _scan_end(data, stop)
        position = stop
    if frame is None or 0 in frame or not scans:
        raise corrupt("there is no picture in it")
    if scans > _MAX_SCANS:
        raise Problem(problem_types.DECOMPRESSION_BOMB, f"The picture has more than {_MAX_SCANS} scans.")
    width, height, components = frame
    return Facts(width, height, 1, width * height * components, position), has_index


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The position after the next marker, and its code; any number of FF may fill the gap before it."""
    if position >= len(data):
        raise truncated("the space between two segments")
    if data[position] != 0xFF:
        raise corrupt("a marker is missing")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise truncated("a marker")
    return position + 1, data[position]


def _scan_end(data: bytes, position: int) -> int:
    found = _NEXT_MARKER.search(data, position)
    if found is None:
        raise truncated("the pixels")
    return found.start()
