"""One request and its answer over a connection to a checked address: no proxy, no redirect, no second look-up."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

import h11

from app.outbound.failures import OutboundFailure
from app.outbound.guard import Route
from app.outbound.targets import Target
from jobs.deliveries import AttemptError

MAX_HEAD_BYTES = 16 * 1024
_READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Message:
    """What to send, beside `Host` and `Connection`, which the route decides."""

    method: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` by lower-case name. `cut` if the body had more bytes than were wanted."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool


async def exchange(route: Route, message: Message, *, tls: ssl.SSLContext, max_bytes: int) -> Answer:
    """Sends a request and reads at most `max_bytes` of the answer's body. Has no time-out: put one around it.

    Raises:
        OutboundFailure: nobody answered there, or not in HTTP/1.1.
    """
    reader, writer = await _connect(route, tls)
    try:
        return await _converse(reader, writer, _request(route.target, message), max_bytes)
    except h11.RemoteProtocolError:
        raise OutboundFailure(AttemptError.PROTOCOL, "The answer is not valid HTTP, or ended too early.") from None
    except OSError:
        raise OutboundFailure(AttemptError.PROTOCOL, "The connection was cut.") from None
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(route: Route, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of the addresses that takes one; the certificate must be the host's."""
    target = route.target
    secure = target.scheme == "https"
    for address in route.addresses:
        try:
            return await asyncio.open_connection(
                address,
                target.port,
                ssl=tls if secure else None,
                server_hostname=target.host if secure else None,
            )
        except ssl.SSLError:
            raise OutboundFailure(
                AttemptError.TLS, "TLS failed: the certificate does not hold, or none came."
            ) from None
        except OSError:
            continue
    raise OutboundFailure(AttemptError.UNREACHABLE, "The host takes no connection.")


def _request(target: Target, message: Message) -> list[h11.Event]:
    headers = [("Host", target.authority), ("Connection", "close"), *message.headers]
    if message.body:
        headers.append(("Content-Length", str(len(message.body))))
    request = h11.Request(method=message.method, target=target.path, headers=headers)
    return [request, *([h11.Data(data=message.body)] if message.body else []), h11.EndOfMessage()]


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: list[h11.Event], max_bytes: int
) -> Answer:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    writer.write(b"".join(connection.send(event) or b"" for event in request))
    with suppress(ConnectionError):  # who answers before it has read everything may have said why
        await writer.drain()
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _answer(head, bytes(body), cut=False)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the connection ended before an answer came")
        if head is not None and len(body) > max_bytes:
            return _answer(head, bytes(body[:max_bytes]), cut=True)


def _answer(head: h11.Response, body: bytes, *, cut: bool) -> Answer:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Answer(head.status_code, headers, body, cut)
