"""Where the service on this machine listens, and how it is reached from here."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"
_ALL_ADDRESSES = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  # what a user may ask for


class PortUnusable(OSError):
    """The address or the port is not to be had; the message says which."""


def url_of(host: str, port: int) -> str:
    """The address under which this machine reaches a service that listens on `host`."""
    reached = _ALL_ADDRESSES.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def free_port(host: str, port: int) -> int:
    """`port` itself if nothing listens there, or any free one for 0. Raises `PortUnusable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"port {port} cannot be used ({error.strerror}); choose another with --port"
            raise PortUnusable(reason if host == LOOPBACK else f"{host}: {reason}, or another --host") from error
        chosen: int = probe.getsockname()[1]
        return chosen
