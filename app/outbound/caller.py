"""Calls to clients' URLs, each within its time."""

import asyncio
import ssl
from functools import cached_property
from importlib.metadata import version

from app.outbound.exchange import Answer, Message, exchange
from app.outbound.failures import OutboundFailure
from app.outbound.guard import Guard, Resolver, SystemResolver
from app.outbound.targets import Rules
from jobs.deliveries import AttemptError
from jobs.settings import Settings

USER_AGENT = f"Inlay/{version('inlay')}"


class Outbound:
    """The one way out. Certificates are checked against the machine's authorities (`SSL_CERT_FILE` names others)."""

    def __init__(self, settings: Settings, resolve: Resolver | None = None) -> None:
        self._guard = Guard(Rules.of(settings), resolve or SystemResolver())

    async def check(self, url: str, *, timeout_s: float) -> None:
        """Raises `OutboundFailure` if the URL may not be called now; nothing is sent to it."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._guard.route(url)
        except TimeoutError:
            raise OutboundFailure(AttemptError.UNRESOLVED, "The host of the URL is not resolved in time.") from None

    async def send(self, url: str, message: Message, *, timeout_s: float, max_bytes: int) -> Answer:
        """Sends one request, checked anew, and reads at most `max_bytes` of the answer's body.

        Raises:
            OutboundFailure: the URL may not be called, or gave no answer within `timeout_s` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                route = await self._guard.route(url)
                return await exchange(route, message, tls=self._tls, max_bytes=max_bytes)
        except TimeoutError:
            raise OutboundFailure(AttemptError.TIMEOUT, f"There was no answer within {timeout_s:g} s.") from None

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context
