"""JPEG (ITU-T T.81): markers and segments, entropy-coded scans between them, EOI at the end."""

import re
import struct
from dataclasses import dataclass

from app import problem_types
from app.containers.facts import Facts, corrupt, refuse_trailing, truncated
from app.problems import Problem

_SOI, _EOI, _SOS, _APP1, _APP2 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2
_FRAME_HEADERS = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive; all with Huffman codes
_OTHER_FRAME_HEADERS = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FILL = re.compile(rb"\xff+")
_PADDING = re.compile(rb"\0*")
_MAX_SCANS = 40
"""A progressive photograph has about ten; each costs a pass over all pixels."""
_MAX_MARKERS = 2000
"""A photograph has about twenty; long colour profiles and thumbnails make some hundreds."""
_MAX_FILL_BYTES = 2**16
"""FF bytes before markers; some cameras align segments with a few."""
_MAX_EXIF_SEGMENTS = 16
"""The standard has one; decoders join what goes beyond 64 KiB, at a cost that grows with the square."""
_SAMSUNG_HEAD, _SAMSUNG_END = b"SEFH", b"SEFT"


@dataclass
class _Toll:
    """What a file has made us and the decoder do so far, over all the pictures in it."""

    markers: int = 0
    fill_bytes: int = 0
    exif_segments: int = 0

    def check(self) -> None:
        """Raises Problem once the file asks for more than any photograph does."""
        for count, limit, what in (
            (self.markers, _MAX_MARKERS, "markers"),
            (self.fill_bytes, _MAX_FILL_BYTES, "fill bytes"),
            (self.exif_segments, _MAX_EXIF_SEGMENTS, "Exif segments"),
        ):
            if count > limit:
                raise Problem(problem_types.DECOMPRESSION_BOMB, f"The picture has more than {limit} {what}.")


def inspect(data: bytes) -> Facts:
    """Follows the markers to EOI.

    Phones append further JPEGs (a gain map, a preview) and declare them in a Multi-Picture segment, and Samsung's
    append a trailer of their own: these are what may follow the picture, and they are left behind.
    """
    toll = _Toll()
    facts, has_index = _walk(data, 0, toll)
    end = facts.end
    while has_index and data.startswith(b"\xff\xd8\xff", end := _skip_padding(data, end)):
        end = _walk(data, end, toll)[0].end
    if not _is_samsung_trailer(data, end):
        refuse_trailing(data, end)
    return facts


def _skip_padding(data: bytes, position: int) -> int:
    padding = _PADDING.match(data, position)
    return padding.end() if padding else position


def _is_samsung_trailer(data: bytes, start: int) -> bool:
    """Whether all from `start` is a trailer: blocks, their directory `SEFH…`, its length (32 bits, LE), `SEFT`."""
    length_at = len(data) - len(_SAMSUNG_END) - 4
    if length_at < start or not data.endswith(_SAMSUNG_END):
        return False
    directory = length_at - int.from_bytes(data[length_at : length_at + 4], "little")
    return start <= directory <= length_at - len(_SAMSUNG_HEAD) and data.startswith(_SAMSUNG_HEAD, directory)


def _walk(data: bytes, start: int, toll: _Toll) -> tuple[Facts, bool]:
    """One JPEG from its SOI to its EOI, and whether a Multi-Picture segment announces others."""
    position, scans, has_index = start + 2, 0, False
    frame: tuple[int, int, int] | None = None
    while True:
        position, marker = _marker(data, position, toll)
        if marker == _EOI:
            break
        if marker in _STANDALONE:
            continue
        stop = _segment_end(data, position, marker)
        if marker in _FRAME_HEADERS:
            if frame is not None or stop - position < 8:
                raise corrupt("its frame header is missing, broken or repeated")
            height, width, components = struct.unpack_from(">HHB", data, position + 3)
            frame = width, height, components
        elif marker == _APP1:
            toll.exif_segments += data.startswith(b"Exif\0\0", position + 2)
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


def _marker(data: bytes, position: int, toll: _Toll) -> tuple[int, int]:
    """The position after the next marker, and its code; FF bytes may fill the gap before it."""
    if position >= len(data):
        raise truncated("the space between two segments")
    fill = _FILL.match(data, position)
    if fill is None:
        raise corrupt("a marker is missing")
    toll.markers += 1
    toll.fill_bytes += fill.end() - position - 1
    toll.check()
    if fill.end() >= len(data):
        raise truncated("a marker")
    return fill.end() + 1, data[fill.end()]


def _segment_end(data: bytes, position: int, marker: int) -> int:
    if position + 2 > len(data):
        raise truncated("a segment")
    stop = position + int.from_bytes(data[position : position + 2])
    if stop < position + 2 or marker in _OTHER_FRAME_HEADERS or marker in {0x00, _SOI}:
        raise corrupt("a segment has an impossible length or an unknown kind")
    if stop > len(data):
        raise truncated("a segment")
    return stop


def _scan_end(data: bytes, position: int) -> int:
    found = _NEXT_MARKER.search(data, position)
    if found is None:
        raise truncated("the pixels")
    return found.start()
