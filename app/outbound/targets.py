"""URLs read strictly: what two parsers could understand differently is refused."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

from app.outbound.failures import refused
from jobs.settings import Settings

LONGEST_URL = 2048
_PORTS = {"https": 443, "http": 80}
_CHARACTERS = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""Visible ASCII without the backslash, which browsers read as a slash."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)
"""Hosts that end in a number are addresses to any parser, in forms that mean different things to each."""


@dataclass(frozen=True)
class Rules:
    """What a URL may be."""

    http: bool
    any_port: bool
    private: bool

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """As the operator has set them."""
        return cls(settings.allow_http_urls, settings.allow_any_port, settings.allow_private_addresses)


@dataclass(frozen=True)
class Target:
    """A URL in parts; `host` is a name in lower case or an address without brackets, `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str, rules: Rules) -> Target:
    """Raises `OutboundFailure`: it is no URL that may be called, whatever its host leads to."""
    if len(url) > LONGEST_URL or not _CHARACTERS.fullmatch(url):
        raise refused(f"The URL has other characters than visible ASCII, or more than {LONGEST_URL}.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refused("The URL cannot be read.") from None
    schemes = ("https", "http") if rules.http else ("https",)
    if parts.scheme not in schemes:
        raise refused(f"The URL must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    if "@" in parts.netloc:
        raise refused("The URL must not have a user name or password.")
    authority = _AUTHORITY.fullmatch(parts.netloc.lower())
    if authority is None:
        raise refused("The URL has no host as DNS names them; international ones need their xn-- form.")
    port = int(authority[2] or _PORTS[parts.scheme])
    if not 0 < port < 65536 or (port not in _PORTS.values() and not rules.any_port):
        raise refused("The port must be 443 or 80.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, _host(authority[1]), port, path)


def _host(host: str) -> str:
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        if _NUMBER.fullmatch(host):
            return str(IPv4Address(host))
    except AddressValueError:
        raise refused("The host is not an address in its usual form.") from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise refused("The host is not a name as DNS has them.")
    return host
