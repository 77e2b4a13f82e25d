"""Redis behind Sentinels: an address that names them and the service, and a client that follows the master."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import Redis
from redis.sentinel import Sentinel

SCHEME = "redis+sentinel"
DEFAULT_PORT = 26379


class SentinelAddressUnusable(ValueError):
    """The address is not `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/NAME[?db=0]`."""


@dataclass(frozen=True)
class SentinelAddress:
    """Where the Sentinels are, what they call the service, and how its servers are logged in to."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    db: int = 0
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SentinelAddress:
        """Raises `SentinelAddressUnusable`, without the address, which may hold a password."""
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        name = parts.path.strip("/")
        try:
            sentinels = tuple(_host_and_port(host) for host in hosts.split(","))
            db = int(parse_qs(parts.query).get("db", ["0"])[0])
        except ValueError:
            sentinels, db = (), 0
        if parts.scheme != SCHEME or not sentinels or not name or "/" in name:
            raise SentinelAddressUnusable(f"{SCHEME}://host:port,host:port/NAME, with ?db= and a password if need be")
        return cls(sentinels, name, db, unquote(username) or None, unquote(password) or None)


def is_sentinel(url: str) -> bool:
    """Whether an address names Sentinels."""
    return url.startswith(f"{SCHEME}://")


def connect_through_sentinels(url: str, options: Mapping[str, Any]) -> Redis:
    """A client whose connections go to whoever is master when they are made; `options` are those of a connection.

    A connection that breaks, or whose server has become a replica, is made anew, so a failover is an outage of seconds
    like a restart. Sentinels are asked without a login. Raises `SentinelAddressUnusable`.
    """
    address = SentinelAddress.parse(url)
    login = {"username": address.username, "password": address.password} if address.password else {}
    timeouts = {name: value for name, value in options.items() if name.startswith("socket_")}
    told: dict[str, Any] = {**options, **login, "db": address.db}
    sentinel: Any = Sentinel(list(address.sentinels), sentinel_kwargs=timeouts, **told)  # type: ignore[no-untyped-call]
    client: Redis = sentinel.master_for(address.name, redis_class=Redis)
    return client


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or DEFAULT_PORT
