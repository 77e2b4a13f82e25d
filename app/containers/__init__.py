"""Image files seen from outside: type by content, size, frames, and where exactly the picture ends.

Everything here reads headers and lengths only; no pixel is unpacked, so limits can be checked before any memory is
spent. Each format has its own file with one function, `inspect`.
"""

from app.containers import gif, jpeg, png, webp
from app.containers.facts import Facts
from app.containers.kinds import foreign_kind, sniff

__all__ = ["Facts", "foreign_kind", "inspect", "sniff"]

_INSPECTORS = {"png": png.inspect, "jpeg": jpeg.inspect, "webp": webp.inspect, "gif": gif.inspect}


def inspect(format_name: str, data: bytes) -> Facts:
    """Walks the container from its first byte to its last; raises Problem if it is damaged or something follows it."""
    return _INSPECTORS[format_name](data)
