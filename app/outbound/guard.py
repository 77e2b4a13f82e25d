"""The guard between clients' URLs and the network: a name is resolved once, and what was checked is what is called."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio.to_thread

from app.outbound.addresses import may_call
from app.outbound.failures import OutboundFailure, refused
from app.outbound.targets import Rules, Target, read_target
from jobs.deliveries import AttemptError

RESOLVING_THREADS = 64


class Resolver(Protocol):
    """Looks up a host."""

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Its addresses, best first. Raises `OSError`."""
        ...


class SystemResolver:
    """The machine's own resolver, each look-up in a thread that is left to itself when the time is over."""

    def __init__(self) -> None:
        self._threads = anyio.CapacityLimiter(RESOLVING_THREADS)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses as `getaddrinfo` orders them, each once. Raises `OSError`."""
        found = await anyio.to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Route:
    """Where a request may go: to one of these addresses, none other, in the name of the target's host."""

    target: Target
    addresses: tuple[str, ...]


class Guard:
    """Lets through only URLs by the rules, all of whose addresses may be called."""

    def __init__(self, rules: Rules, resolve: Resolver) -> None:
        self._rules = rules
        self._resolve = resolve

    async def route(self, url: str) -> Route:
        """The checked way to a URL; look it up anew for each request, use it once.

        Raises:
            OutboundFailure: the URL may not be called, or its host has no address.
        """
        target = read_target(url, self._rules)
        try:
            addresses = tuple(await self._resolve(target.host, target.port))
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise OutboundFailure(AttemptError.UNRESOLVED, "The host of the URL cannot be resolved.")
        if not all(may_call(address, private=self._rules.private) for address in addresses):
            raise refused("The host of the URL leads to an address that may not be called.")
        return Route(target, addresses)
